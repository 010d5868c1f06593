"""Append-only: every version of every record, and beside it who looked and wrote."""
