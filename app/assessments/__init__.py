"""Scored questionnaires: answers as given, totals as computed."""
