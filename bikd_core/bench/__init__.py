"""Benchmarks: the published numbers, one command each. No test asserts them."""
