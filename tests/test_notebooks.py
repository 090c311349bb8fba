"""The notebooks under examples/ run from top to bottom, offline, and hold no outputs."""

import json
import subprocess
import sys

import pytest

from tests.helpers.processes import ROOT

NOTEBOOKS = sorted(path.name for path in ROOT.glob("examples/*.ipynb"))
RUN = """
import sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def cells(path):
    return [x for x in json.loads(path.read_text())["cells"] if x["cell_type"] == "code"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_outputs_are_kept(name):
    found = cells(ROOT / "examples" / name)
    assert found and not any(cell["outputs"] or cell["execution_count"] for cell in found)


@pytest.mark.long
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_from_top_to_bottom(name, tmp_path):
    pytest.importorskip("nbclient", reason="nbclient is not installed: notebooks cannot be run")
    source, out = ROOT / "examples" / name, tmp_path / name
    line = [sys.executable, "-c", RUN, str(source), str(out)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    shown = [json.dumps(cell["outputs"]) for cell in cells(out)]
    assert any("weights: demo_rgb" in text or "weights: rgb_scratch" in text for text in shown)
