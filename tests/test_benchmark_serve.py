"""`python -m benchmarks.serve`: what it finds, and a small run of it."""

import re
import subprocess
import sys

import pytest

from benchmarks import serve
from i3d.web.app import App
from tests.helpers.processes import ROOT
from tests.helpers.web import Networks, listening


class Mixed(Networks):
    """Says the same of every video from the fifth on."""

    def predict(self, video, top_k, check):
        rows = super().predict(video, top_k, check)
        return rows if len(self.seen) < 5 else [(3, "1 bytes of a", 1.0)]


@pytest.mark.parametrize(("networks", "wrong"), [(Networks(), 0), (Mixed(), 3)])
def test_what_is_mixed_up_is_found(networks, wrong, tmp_path):
    alone = {}
    app = App(networks, 10_000, queue=2)
    with listening(app) as port:
        url = f"http://127.0.0.1:{port}/"
        for count in (1, 2):
            path = tmp_path / f"{count}.mp4"
            path.write_bytes(bytes(count))
            alone[path] = serve.predictions(url, path, path.name)
        answers = serve.load(url, alone, uploads=8, clients=1)
    app.close()
    assert not serve.same(alone)
    problems = [answer.problem for answer in answers if answer.problem]
    names = ["3-2.mp4", "5-2.mp4", "7-2.mp4"]
    assert [line.partition(":")[0] for line in problems] == names[:wrong]


def test_what_is_lost_is_found(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"bad")
    app = App(Networks(), 10_000, queue=2)
    with listening(app) as port:
        (answer,) = serve.load(f"http://127.0.0.1:{port}/", {tmp_path / "a.mp4": []}, 1, 1)
    app.close()
    assert answer.problem == '0-a.mp4: lost: 422 {"error": "0-a.mp4: not a video"}'
    line = serve.described([answer], 2.0, 1, 1)
    assert line.startswith("1 uploads of 1 clips from 1 clients: 1 lost or mixed up; 2.0 s, 0.50")


def test_clips_with_one_answer_are_found(tmp_path):
    a, b, c = (tmp_path / name for name in "abc")
    assert serve.same({a: [1], b: [2], c: [1]}) == [(a, c)]


@pytest.mark.long
def test_uploads_of_clients_at_once():
    line = [sys.executable, "-m", "benchmarks.serve", "--uploads=24", "--clients=4"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    first, memory = done.stdout.splitlines()
    assert first.startswith("24 uploads of 13 clips from 4 clients: 0 lost or mixed up; ")
    alone, end, highest = map(int, re.findall(r"(\d+) MB", memory)[1:])
    assert 0 < end <= highest < alone + 300  # does not grow with the uploads
