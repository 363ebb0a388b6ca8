"""Write a bundled data set: ``python -m benchmarks.bundled --seed 7 --out DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .generate import DATA, FROZEN_SEED, write


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bundled", description=__doc__)
    parser.add_argument("--seed", type=int, default=FROZEN_SEED, help="the frozen files are seed %(default)s")
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write into (default: the frozen files)")
    arguments = parser.parse_args()
    write(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
