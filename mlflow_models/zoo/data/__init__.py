"""Files in and out: sound, images, what is fetched, what is written."""
