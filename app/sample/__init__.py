"""The sample clinic: synthetic patients with a story each, made by our own seeded generator."""
