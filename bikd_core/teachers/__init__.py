"""Teachers: cards, files, kept views, and new ones made from a run or an upload."""
