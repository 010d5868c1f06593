"""Lab values and vital signs, and the signal that a critical one opens."""
