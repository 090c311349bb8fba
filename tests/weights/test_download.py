"""Tests of i3d.weights.download against a real server on the loopback interface."""

import contextlib
import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from i3d.weights import download, files, transfer
from tests.helpers.processes import PATIENCE_S, wait_for
from tests.helpers.serving import QuietHandler, serving

ROOT = Path(download.__file__).parents[2]
CHUNK = transfer._CHUNK_BYTES
BIG = np.random.default_rng(0).bytes(20 * CHUNK + 77)
SMALL = b"abseiling\nair drumming\n"
CONTENT = {"/data/big.bin": BIG, "/data/small.txt": SMALL}


def _blob_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _published(target, content, size):
    return files.PublishedFile(target, f"data/{target}", size, _blob_id(content))


TABLE = {
    "big": (_published("big.bin", BIG, len(BIG)), _published("small.txt", SMALL, None)),
    "unsized": (_published("big.bin", BIG, None),),
}


class _Handler(QuietHandler):
    """Serves CONTENT as the server's `behave` says, and keeps a record of what it sent."""

    def do_GET(self):  # noqa: N802
        server = self.server
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(ranged[1]) if ranged and not server.ignore_range else 0
        record = {"path": self.path, "start": start, "range": self.headers.get("Range"), "sent": 0}
        server.requests.append(record)
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        body = server.content.get(self.path)
        if body is None:
            self.send_error(404)
        elif start >= len(body):
            self.send_error(416)
        else:
            self._send(body, start, record)

    def _send(self, body, start, record):
        self.send_response(206 if start else 200)
        if self.server.tell_length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        drops = self.server.drops
        stop = drops.pop(0) if drops and self.path == "/data/big.bin" else len(body)
        with contextlib.suppress(ConnectionError):
            for at in range(start, stop, CHUNK):
                piece = body[at : min(at + CHUNK, stop)]
                if at == self.server.hold_at:
                    self.server.hold_at = None
                    self.server.go_on.wait(PATIENCE_S)
                self.wfile.write(piece)
                record["sent"] += len(piece)
        self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "FILES", TABLE)
    monkeypatch.setattr(transfer, "_PAUSE_S", 0.0)
    with serving(_Handler) as httpd:
        httpd.content = dict(CONTENT)
        httpd.ignore_range, httpd.tell_length = False, True
        httpd.drops = []  # where to close the connection, one byte offset a request of big.bin
        httpd.statuses = []  # what to answer the next requests instead of the file
        httpd.hold_at, httpd.go_on = None, threading.Event()  # byte offset to wait at, once
        httpd.requests = []
        yield httpd
        httpd.go_on.set()


def _big_requests(server):
    return [record for record in server.requests if record["path"] == "/data/big.bin"]


def _names(directory):
    return sorted(path.name for path in directory.iterdir() if path.name != ".download.lock")


def test_published_table_is_consistent():
    checkpoints = {
        "rgb_imagenet",
        "rgb_scratch",
        "flow_imagenet",
        "flow_scratch",
        "rgb_scratch_kin600",
    }
    assert set(download.FILES) == checkpoints | {"sample_rgb", "sample_flow"}
    for name in checkpoints:
        targets = [item.target for item in download.FILES[name]]
        labels = "label_map_600.txt" if name.endswith("600") else "label_map.txt"
        assert targets == [
            f"{name}/model.ckpt.data-00000-of-00001",
            f"{name}/model.ckpt.index",
            labels,
        ]
    items = download.files_for(download.FILES)
    assert len(items) == 5 * 2 + 2 + 2
    assert len({item.blob_id for item in items}) == len({item.target for item in items}) == 14
    assert all(re.fullmatch("[0-9a-f]{40}", item.blob_id) for item in items)
    assert {item.source for item in items if "model.ckpt" in item.target} == {
        f"data/checkpoints/{item.target}" for item in items if "model.ckpt" in item.target
    }
    # Data-file bytes are 4 per float32 and a checkpoint of 230 variables holds these many.
    sizes = {item.target.split("/")[0]: item.size for item in items if item.size is not None}
    assert sizes == {
        "rgb_imagenet": 4 * 12_704_544,
        "rgb_scratch": 4 * 12_704_544,
        "flow_imagenet": 4 * 12_682_592,
        "flow_scratch": 4 * 12_682_592,
        "rgb_scratch_kin600": 4 * 25_804_528,
    }


def test_blob_id_is_gits(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello world\n")  # `echo hello world | git hash-object --stdin`
    right = files.PublishedFile("f", "f", None, "3b18e512dba79e4c8300dd08aeb37f8e728b8dad")
    assert transfer.difference(path, right) is None
    path.write_bytes(b"hello worle\n")
    assert "git blob id" in transfer.difference(path, right)


def test_files_for_each_once():
    items = download.files_for(["rgb_imagenet", "flow_imagenet", "rgb_imagenet"])
    assert [item.target.split("/")[0] for item in items] == [
        "rgb_imagenet",
        "rgb_imagenet",
        "label_map.txt",
        "flow_imagenet",
        "flow_imagenet",
    ]


def test_fetch_then_nothing_to_do(server, tmp_path, capsys):
    directory = tmp_path / "new" / "checkpoints"
    assert download.fetch(["big"], directory, server.url) == ["big.bin", "small.txt"]
    assert (directory / "big.bin").read_bytes() == BIG
    assert (directory / "small.txt").read_bytes() == SMALL
    assert _names(directory) == ["big.bin", "small.txt"]
    assert capsys.readouterr().err.splitlines() == [  # one plain line a file off a terminal
        "downloading big.bin",
        "downloading small.txt",
    ]
    assert download.fetch(["big"], directory, server.url) == []
    assert len(server.requests) == 2


def test_bar_on_a_terminal(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    download.fetch(["big"], tmp_path, server.url)
    assert re.search(r"big\.bin: 100%\|.*\[\d\d:\d\d<00:00, .*B/s\]", screen.getvalue())


def test_dropped_connections_go_on_where_they_stopped(server, tmp_path, capsys):
    server.drops = [3 * CHUNK, 7 * CHUNK, 15 * CHUNK]
    download.fetch(["big"], tmp_path, server.url)
    requests = _big_requests(server)
    assert [r["range"] for r in requests] == [None, *(f"bytes={n * CHUNK}-" for n in (3, 7, 15))]
    assert sum(r["sent"] for r in requests) == len(BIG)  # no byte twice
    assert (tmp_path / "big.bin").read_bytes() == BIG
    assert f"broke off at byte {3 * CHUNK:,}; attempt 2 of" in capsys.readouterr().err


def test_drop_inside_a_chunk_repeats_less_than_a_chunk(server, tmp_path):
    server.drops = [3 * CHUNK + 100]
    download.fetch(["big"], tmp_path, server.url)
    first, second = _big_requests(server)
    assert 3 * CHUNK <= second["start"] <= 3 * CHUNK + 100
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_gives_up_after_bounded_attempts_and_keeps_the_part(server, tmp_path):
    server.drops = [2 * CHUNK] * 100
    with pytest.raises(download.DownloadError, match="gave up after 8 attempts"):
        download.fetch(["big"], tmp_path, server.url)
    assert len(server.requests) == 8
    assert _names(tmp_path) == ["big.bin.part"]
    server.drops = []
    download.fetch(["big"], tmp_path, server.url)
    assert _big_requests(server)[-1]["range"] == f"bytes={2 * CHUNK}-"
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_stalled_connection_is_dropped_and_continued(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_TIMEOUT_S", (5, 0.3))
    server.hold_at = 6 * CHUNK
    download.fetch(["big"], tmp_path, server.url)
    assert [r["range"] for r in _big_requests(server)] == [None, f"bytes={6 * CHUNK}-"]
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_drop_without_a_stated_length(server, tmp_path):
    server.tell_length = False
    server.drops = [4 * CHUNK]
    download.fetch(["big"], tmp_path, server.url)
    assert [r["range"] for r in _big_requests(server)] == [None, f"bytes={4 * CHUNK}-"]
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_server_that_ignores_range(server, tmp_path):
    server.ignore_range = True
    server.drops = [4 * CHUNK]
    download.fetch(["big"], tmp_path, server.url)
    assert [r["sent"] for r in _big_requests(server)] == [4 * CHUNK, len(BIG)]
    assert (tmp_path / "big.bin").read_bytes() == BIG


@pytest.mark.parametrize("name", ["big", "unsized"])
def test_wrong_bytes_of_the_right_size(server, tmp_path, name):
    server.content["/data/big.bin"] = b"\0" + BIG[1:]
    with pytest.raises(download.DownloadError, match="has git blob id .* it was deleted"):
        download.fetch([name], tmp_path, server.url)
    assert _names(tmp_path) == []
    server.content["/data/big.bin"] = BIG
    download.fetch([name], tmp_path, server.url)
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_page_instead_of_the_file_leaves_the_part(server, tmp_path):
    (tmp_path / "big.bin.part").write_bytes(BIG[: 5 * CHUNK])
    server.ignore_range = True
    server.content["/data/big.bin"] = b"<html>please log in</html>"
    with pytest.raises(download.DownloadError, match="is 26 bytes, the published file"):
        download.fetch(["big"], tmp_path, server.url)
    assert (tmp_path / "big.bin.part").read_bytes() == BIG[: 5 * CHUNK]


@pytest.mark.parametrize("name", ["big", "unsized"])
@pytest.mark.parametrize("extra", [0, 1000])
def test_stale_part_of_other_bytes(server, tmp_path, name, extra):
    (tmp_path / "big.bin.part").write_bytes(bytes(len(BIG) + extra))
    download.fetch([name], tmp_path, server.url)
    assert (tmp_path / "big.bin").read_bytes() == BIG
    assert not (tmp_path / "big.bin.part").exists()


def test_stale_short_part_of_other_bytes_is_deleted(server, tmp_path):
    (tmp_path / "big.bin.part").write_bytes(bytes(1000))
    with pytest.raises(download.DownloadError, match="has git blob id"):
        download.fetch(["big"], tmp_path, server.url)
    assert _names(tmp_path) == []


def test_whole_part_is_renamed_without_asking(server, tmp_path):
    (tmp_path / "big.bin.part").write_bytes(BIG)
    download.fetch(["unsized"], tmp_path, server.url)
    assert server.requests == []
    assert _names(tmp_path) == ["big.bin"]


def test_404_names_every_missing_file_and_its_place(server, tmp_path):
    del server.content["/data/big.bin"]
    with pytest.raises(download.DownloadError) as caught:
        download.fetch(["big"], tmp_path, server.url)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"cannot download {server.url}/data/big.bin: it answers 404 Not Found"
    assert lines[2:] == [
        f"  {server.url}/data/big.bin",
        f"    -> {tmp_path / 'big.bin'}",
        f"  {server.url}/data/small.txt",
        f"    -> {tmp_path / 'small.txt'}",
    ]
    assert len(server.requests) == 1


def test_overloaded_server_is_asked_again(server, tmp_path):
    server.statuses = [503, 429]
    download.fetch(["unsized"], tmp_path, server.url)
    assert len(server.requests) == 3
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_unreachable_port_fails_at_once(server, tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(transfer.time, "sleep", lambda seconds: pytest.fail("waited to retry"))
    with pytest.raises(download.DownloadError, match="no answer: .*Connection refused"):
        download.fetch(["big"], tmp_path, f"http://127.0.0.1:{port}")


def test_present_file_of_wrong_size_is_not_replaced(server, tmp_path):
    (tmp_path / "big.bin").write_bytes(b"mine")
    with pytest.raises(download.DownloadError, match="has 4 bytes, .*; move it away"):
        download.fetch(["big"], tmp_path, server.url)
    assert (tmp_path / "big.bin").read_bytes() == b"mine"
    assert server.requests == []


def test_present_file_of_right_size_is_trusted_by_fetch_not_by_verify(server, tmp_path):
    (tmp_path / "big.bin").write_bytes(bytes(len(BIG)))
    assert download.fetch(["big"], tmp_path, server.url) == ["small.txt"]
    with pytest.raises(download.DownloadError, match="not as published.*\n.*big.bin has git blob"):
        download.verify(tmp_path, ["big"])


def test_verify_tells_whole_from_missing(server, tmp_path):
    (tmp_path / "big.bin").write_bytes(BIG)
    assert download.verify(tmp_path, ["big"]) == (["big.bin"], ["small.txt"])


def test_unwritable_place(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(download.DownloadError, match="cannot write into .*file"):
        download.fetch(["big"], tmp_path / "file" / "sub", server.url)


def _child(directory, url):
    command = [sys.executable, "-m", "tests.weights.test_download", str(directory), url]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_killed_process_then_resume(server, tmp_path):
    server.hold_at = 3 * CHUNK
    part = tmp_path / "big.bin.part"
    child = _child(tmp_path, server.url)
    wait_for(lambda: part.exists() and part.stat().st_size == 3 * CHUNK, "three chunks")
    assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert _names(tmp_path) == ["big.bin.part"]
    download.fetch(["big"], tmp_path, server.url)
    assert _big_requests(server)[-1]["range"] == f"bytes={3 * CHUNK}-"
    assert _big_requests(server)[-1]["sent"] == len(BIG) - 3 * CHUNK
    assert (tmp_path / "big.bin").read_bytes() == BIG


def test_two_processes_at_once(server, tmp_path):
    server.hold_at = 3 * CHUNK
    first = _child(tmp_path, server.url)
    assert first.stderr.readline() == "downloading big.bin\n"
    second = _child(tmp_path, server.url)
    assert second.stderr.readline().startswith("waiting for another download")
    server.go_on.set()
    assert [child.communicate(timeout=PATIENCE_S)[0] for child in (first, second)] == ["2\n", "0\n"]
    assert [r["path"] for r in server.requests] == ["/data/big.bin", "/data/small.txt"]
    assert (tmp_path / "big.bin").read_bytes() == BIG


def _command(*arguments):
    # A proxy that is not there stands for no network, whatever machine this runs on.
    env = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    env["HTTPS_PROXY"] = "http://127.0.0.1:9"
    return subprocess.run(
        [sys.executable, "-m", "i3d.weights.download", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_command_without_network(tmp_path):
    done = _command("rgb_imagenet", "--checkpoint_dir", str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert "Traceback" not in done.stderr and "no answer" in done.stderr
    for item in download.FILES["rgb_imagenet"]:
        assert f"  {download.BASE_URL}/{item.source}\n" in done.stderr
        assert f"    -> {tmp_path / item.target}\n" in done.stderr


def test_command_unknown_name():
    done = _command("rgb_imagnet")
    assert done.returncode == 2
    assert done.stderr == "download: unknown name 'rgb_imagnet'; did you mean rgb_imagenet?\n"


def test_command_verify(tmp_path):
    done = _command("sample_rgb", "--verify", f"--checkpoint_dir={tmp_path}")
    assert done.returncode == 1
    assert done.stderr == f"download: none of the 1 files is in {tmp_path}\n"
    (tmp_path / "label_map.txt").write_text("not the labels\n")
    done = _command("--verify", f"--checkpoint_dir={tmp_path}")
    assert done.returncode == 1 and "label_map.txt has git blob id" in done.stderr


def test_command_says_what_is_there(server, tmp_path, capsys):
    (tmp_path / "big.bin").write_bytes(BIG)
    download.work((["big"], tmp_path, True))
    assert capsys.readouterr().out.splitlines() == [
        "small.txt: missing",
        f"{tmp_path}: 1 files are as published, 1 are missing",
    ]
    (tmp_path / "small.txt").write_bytes(SMALL)
    download.work((["big"], tmp_path, False))
    assert capsys.readouterr().out == f"{tmp_path}: all 2 files are there, 0 of them new\n"


if __name__ == "__main__":
    download.FILES = TABLE
    print(len(download.fetch(["big"], *sys.argv[1:])))
