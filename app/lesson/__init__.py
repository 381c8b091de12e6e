"""The lesson: ten cards that drive a live view."""
