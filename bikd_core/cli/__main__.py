"""Runs the command line by `python -m bikd_core.cli`, from a checkout that is not installed."""

import sys

from bikd_core.cli import main

sys.exit(main())
