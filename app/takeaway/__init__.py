"""A run, or a pair of runs, as one HTML file that needs no server and no network."""
