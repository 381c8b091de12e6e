"""The process that trains one run, and what it records. No torch until it trains."""
