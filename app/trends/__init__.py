"""The reading of a patient: gathers the series, asks clinical and stats, answers the prescriber."""
