"""The lesson and the recorded runs as a folder of files for any static host, without a server."""
