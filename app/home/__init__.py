"""The first page: a picture that moves, and the ways into the app."""
