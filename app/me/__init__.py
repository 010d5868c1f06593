"""The patient's own view: read-only, facts and the clinic's own words."""
