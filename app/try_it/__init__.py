"""The page on which a run's student and teacher are asked about a picture."""
