"""Clinics, users, tokens: who is calling."""
