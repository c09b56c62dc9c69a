"""Texts as people send them: layout, script, length, dictionaries of words."""
