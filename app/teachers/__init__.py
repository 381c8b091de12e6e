"""Teachers: the stored ones with their cards, and new ones."""
