"""Pictures: where they come from, how the tail is cut, how they get to the device."""
