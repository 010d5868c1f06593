"""What must not be missed: opened by rules, closed by named people, never deleted."""
