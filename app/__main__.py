"""`python -m app`: the command line without an installation."""

from app.cli import main

main()
