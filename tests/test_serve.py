"""`python -m i3d.serve`: its flags, and a process of it on a free port."""

import io
import json
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests

from i3d import serve
from i3d.inference import table
from i3d.weights.cards import CARDS
from tests.helpers import calls, clip_files
from tests.helpers.processes import PATIENCE_S, ROOT, wait_for
from tests.helpers.served import predict, served, uploads
from tests.helpers.videos import texture_frames, write_video

DEMO = ("--checkpoint=demo_rgb", "--checkpoint=demo_flow")


def refused(*words, status=2):
    """Returns the line with which the command ends."""
    return calls.refused(serve.main, "serve", *words, status=status)


def test_wrong_calls(tmp_path):
    assert "unexpected argument" in refused("my.mp4")
    assert "no such checkpoint" in refused("--checkpoint=nothing.pth")
    assert "--checkpoint" in refused("--model=tsn_r50_1x1x3")
    assert "port" in refused("--port=70000")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused(f"--port={port}", *DEMO, status=1)
    assert f"127.0.0.1, port {port}: cannot listen there" in line


def test_networks_whose_checkpoints_are_there(monkeypatch, tmp_path):
    monkeypatch.setenv("I3D_CHECKPOINTS", str(tmp_path))
    assert serve._present() == ["demo_rgb", "demo_flow"]
    monkeypatch.setattr(serve.find, "is_there", lambda card, folder: card.model != "x")
    assert serve._present() == list(CARDS)


def test_networks_whose_classes_are_text_are_offered(tmp_path):
    clip_files.write_clip(tmp_path / "clip.safetensors")
    words = ["serve", "--model=clip_tiny", f"--checkpoint={tmp_path / 'clip.safetensors'}"]
    (card,) = serve.checked(serve.defined_flags(words), words).cards
    assert card.model == "clip_tiny" and not card.class_names()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos of other lengths, and a file that is none."""
    folder = tmp_path_factory.mktemp("videos")
    for seed, count in ((0, 20), (1, 45)):
        frames = texture_frames(count, height=96, width=96, seed=seed)
        write_video(folder / f"{seed}.mp4", frames)
    (folder / "bad.mp4").write_bytes(b"ffconcat version 1.0\nfile /etc/passwd\n")
    return [folder / name for name in ("0.mp4", "1.mp4", "bad.mp4")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address, process and folder of uploads of a server."""
    folder = tmp_path_factory.mktemp("uploads")
    with served(*DEMO, "--max_upload_mb=1", folder=folder) as (url, process):
        yield url, process, folder


@pytest.mark.long
def test_clients_at_once_get_their_own_answers(server, videos):
    url, _, folder = server
    command = [sys.executable, "-m", "i3d.predict", DEMO[0], "--format=json"]
    command += map(str, videos[:2])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    expected = {}
    for entry in json.loads(done.stdout):
        rows = [(p["index"], p["label"], p["score"]) for p in entry["predictions"]]
        expected[entry["video"]] = _as_printed(entry["video"].rpartition("/")[2], rows)
    answers = {}

    def ask(video):
        for _ in range(3):
            answers.setdefault(str(video), set()).add(predict(url, video).text)

    threads = [threading.Thread(target=ask, args=(video,)) for video in videos[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: {text} for name, text in expected.items()} == answers
    assert not uploads(folder)


def _queue(url):
    return requests.get(f"{url}healthz", timeout=PATIENCE_S).json()["queue"]


def _as_printed(name, rows):
    text = io.StringIO()
    with table.written("json", text) as written:
        written.add(name, rows)
    return text.getvalue()


@pytest.mark.long
def test_files_that_are_refused(server, videos, tmp_path):
    url, _, folder = server
    answer = predict(url, videos[2], name="../my.mp4")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("../my.mp4: ") and str(folder) not in answer.text
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(3_000_000))
    answer = predict(url, large)
    assert answer.status_code == 413 and answer.json() == {"error": "expected at most 1 MB"}
    answer = requests.post(f"{url}predict", data=iter([b"x"]), timeout=PATIENCE_S)  # no length
    assert answer.status_code == 411
    assert not uploads(folder)
    assert _queue(url) == 0


@pytest.mark.long
def test_a_client_that_leaves(server, videos):
    url, _, folder = server
    port = int(url.rstrip("/").rpartition(":")[2])
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    body = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
    body += videos[1].read_bytes() + b"\r\n--x--\r\n"
    for sent in (body[:1000], body):  # mid-way, and then waiting
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head.format(len(body)).encode() + sent)
            wait_for(lambda: uploads(folder), "the upload")
        wait_for(lambda: _queue(url) == 0, "the end of the job")
        assert not uploads(folder)


@pytest.mark.long
def test_ctrl_c_while_a_job_runs(server, tmp_path):  # the last test of `server`, which it ends
    url, process, folder = server
    video = write_video(tmp_path / "long.mp4", texture_frames(400, height=96, width=96))
    for _ in range(2):
        with open(video, "rb") as file:
            form = {"model": "demo_flow"}
            answer = requests.post(f"{url}jobs", files={"video": file}, data=form, timeout=60)
    assert answer.json()["place"] == 1 and len(uploads(folder)) == 2
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    errors = (folder / "errors").read_text()
    assert "Traceback" not in errors and errors.endswith("serve: stopped\n")
    assert not list(folder.glob("i3d_serve_*"))


@pytest.mark.long
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals(kind, tmp_path):
    with served(*DEMO, folder=tmp_path) as (_, process):
        assert list(tmp_path.glob("i3d_serve_*"))
        process.send_signal(kind)
        assert process.wait(PATIENCE_S) == 130
    assert not list(tmp_path.glob("i3d_serve_*"))
