"""The server around the pages: its owner, its addresses, the files that it serves, its log."""
