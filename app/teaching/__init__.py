"""The parts of the Teachers page."""
