"""People: who they are, who may see them, and what every record of a person shares."""
