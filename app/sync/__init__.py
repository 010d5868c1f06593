"""What phones and other systems send in bulk, and what they follow: a door to the slices."""
