"""`python -m bench [NAME…]`: speed as ratios; `python -m bench soak [NAME…]`: the long checks."""

import sys
from importlib import import_module

BENCHES = ("write_path", "batch", "reads", "trends", "interactions", "regimen")
SOAKS = ("kills", "storm", "overload", "fuzz")


def main(words: list[str]) -> int:
    """Run the named ones, or all, in turn; the worst exit code is the answer."""
    kind, *names = words or ["bench"]
    known = SOAKS if kind == "soak" else BENCHES
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"bench: one of {', '.join(known)}", file=sys.stderr)
        return 2
    return max(import_module(f"bench.{name}").main() or 0 for name in names or known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
