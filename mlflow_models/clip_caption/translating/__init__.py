"""In which language a text is, and packed translators."""
