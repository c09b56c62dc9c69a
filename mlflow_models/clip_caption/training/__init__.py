"""What trains clip_caption: scenes that are drawn, and trainers. The served model needs none."""
