"""A class: a host shows a run, followers see it, look on their own and answer questions."""
