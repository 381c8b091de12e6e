"""The measurements whose results are in `benchmarks/`, one command each. No test asserts them."""
