"""Medication courses and what was done to their dose; what was taken stands apart."""
