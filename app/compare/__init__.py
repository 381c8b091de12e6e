"""Compare: methods over seeds under one protocol, and who wins for whom."""
