"""What a patient's substances do together: found, answered for by a named person, gone."""
