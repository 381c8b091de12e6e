"""`python -m bikd_core.cli`: as `bikd`, from a checkout that is not installed."""

import sys

from bikd_core.cli import main

sys.exit(main())
