"""`python -m processor.cli`, for a checkout that is not installed."""

from processor.cli import main

main()
