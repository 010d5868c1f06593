"""Speed as ratios: same run, interleaved, medians."""
