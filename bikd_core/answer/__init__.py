"""Does a learned weight per picture help? All methods tuned alike, then compared over seeds."""
