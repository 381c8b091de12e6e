"""The numbers that the README quotes, one command each; nothing here is asserted anywhere."""
