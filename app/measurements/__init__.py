"""Every followed number in one narrow series table, and one kept summary row a patient."""
