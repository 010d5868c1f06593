"""Plumbing that knows no medicine."""
