"""Single training images of a run: their values at an epoch, and those that a click selects."""
