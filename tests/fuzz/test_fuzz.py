"""A fixed number of mutated files of every kind, always the same; `make fuzz` tries many more."""

import re
import subprocess
import sys

import pytest

from tests.fuzz import kinds
from tests.helpers.processes import ROOT

ROUNDS = 12


@pytest.mark.long
def test_mutated_files_are_read_or_refused_within_bounds():
    line = [sys.executable, "-m", "tests.fuzz", f"--rounds={ROUNDS}", "--seed=0"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    tried = re.findall(r"^(.+): (\d+) files, 0 findings$", done.stdout, re.MULTILINE)
    assert [name for name, _ in tried] == [kind.name for kind in kinds.KINDS]
    assert sum(int(count) for _, count in tried) >= 500
