"""Data sets: their sources, the long-tailed split, and batches on the device."""
