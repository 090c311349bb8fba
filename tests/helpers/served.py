"""A process of `python -m i3d.serve`, and what it is asked.

with served("--checkpoint=demo_rgb") as (url, process):
    predict(url, video)
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import requests

from tests.helpers.processes import PATIENCE_S, ROOT


@contextlib.contextmanager
def served(*words, folder):
    """Gives the address of a server on a free port, and its process; `folder` has its uploads."""
    # What starts the tests may ignore these signals (nohup does), which processes inherit.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    code += "from i3d import serve; sys.exit(serve.main(['serve', *sys.argv[1:]]))"
    line = [sys.executable, "-c", code, "--port=0", *words]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with (
        open(Path(folder, "errors"), "w") as errors,
        subprocess.Popen(
            line, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        try:
            url = process.stdout.readline().strip()
            assert url, Path(folder, "errors").read_text()
            yield url, process
        finally:
            process.kill()


def predict(url, video, name=None, **fields):
    """Returns the response to POST /predict."""
    with open(video, "rb") as file:
        files = {"video": (name or Path(video).name, file)}
        return requests.post(f"{url}predict", files=files, data=fields, timeout=PATIENCE_S)


def uploads(folder):
    """Returns the uploads that are on disk."""
    return list(Path(folder).glob("i3d_serve_*/*"))
