"""Measurements of the app that `bikd bench` starts as processes of their own."""
