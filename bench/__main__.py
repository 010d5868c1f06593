"""`python -m bench`: the write path as ratios to a hello of the same process."""

import sys

from bench import kills, write_path

if __name__ == "__main__":
    word = sys.argv[1] if len(sys.argv) > 1 else "bench"
    if word == "soak":
        sys.exit(kills.main())
    sys.exit(write_path.main())
