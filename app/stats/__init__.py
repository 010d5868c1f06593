"""Arithmetic that names no drug, no patient and no scale.

Series are `days` (whole days since any fixed day) beside `values` (in the measure's own
unit): same length, any order, finite. Directions, bands and thresholds come in as numbers.
"""
