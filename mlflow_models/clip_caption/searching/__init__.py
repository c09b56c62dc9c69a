"""The search of a collection of photos: by words, by a photo, and by both."""
