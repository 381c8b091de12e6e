"""The trained student of a run as a file that works without the lab, with its card beside it."""
