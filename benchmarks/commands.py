"""Runs the commands of the product for benchmarks."""

import subprocess
import sys


def run(module: str, *words: str) -> None:
    """Runs a command of the product; ends this one where it fails."""
    status = subprocess.run([sys.executable, "-m", module, *words], stdout=sys.stderr).returncode
    if status:
        sys.exit(status)
