"""Psychiatry and pharmacology that need no database and no HTTP; time comes in as an argument."""
