"""What the medicines taken oblige us to measure, and when; computed, keeps only waivers."""
