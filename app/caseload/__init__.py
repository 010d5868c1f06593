"""Who needs attention: one kept row a patient, read against today."""
