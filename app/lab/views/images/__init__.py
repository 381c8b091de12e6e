"""Single training images of a run: what each had at an epoch, and what a click selects of them."""
