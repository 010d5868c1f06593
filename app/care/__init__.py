"""The first appointment, what was agreed there, and what a person lives through beside it."""
