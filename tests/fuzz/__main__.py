"""Tries many mutated files of every kind that the product reads; `make fuzz` runs it.

python -m tests.fuzz --rounds=300 --seed=1 [--kinds="list csv,npy"] [--keep=fuzz-findings]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz import kinds
from tests.fuzz.harness import run


def main() -> int:
    """Prints what was found; returns 1 where something was."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=300, help="files of each kind")
    options.add_argument("--first", type=int, default=0, help="number of the first file")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--kinds", default="", help="names, or parts of them; default: all")
    options.add_argument("--keep", type=Path, help="folder for the files that are found")
    given = options.parse_args()
    wanted = [name for name in given.kinds.split(",") if name]
    count = bad = 0
    kinds.prepare()
    with tempfile.TemporaryDirectory() as root:
        for kind in kinds.KINDS:
            if wanted and not any(name in kind.name for name in wanted):
                continue
            numbers = range(given.first, given.first + max(1, given.rounds // kind.cost))
            found = run(kind, numbers, given.seed, Path(root), given.keep)
            print(f"{kind.name}: {len(numbers)} files, {len(found)} findings", flush=True)
            for finding in found:
                print(f"  {finding.number}: {finding.what}", flush=True)
            count, bad = count + len(numbers), bad + len(found)
    print(f"{count} files, {bad} findings, seed {given.seed}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
