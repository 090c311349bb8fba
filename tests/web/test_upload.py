"""Requests that want to harm, or go wrong half-way, over a socket; and pages of other sites."""

import json
import resource
import signal
import socket
import time

import pytest
from werkzeug.test import Client

from i3d import serve
from i3d.web import app as web
from i3d.web import upload
from tests.helpers import web as helpers
from tests.helpers.processes import wait_for
from tests.helpers.web import HEAD, VIDEO, error, form, posted, sent

MOST_BYTES = 3_000_000
MODEL = (b'name="model"', b"a")


@pytest.fixture(scope="module")
def served():
    """The app, its networks and the port of a server."""
    networks = helpers.Networks()
    app = web.App(networks, MOST_BYTES, queue=2, hosts=("localhost", "127.0.0.1"))
    with helpers.listening(app) as port:
        yield app, networks, port
    app.close()


@pytest.fixture(autouse=True)
def nothing_stays(served):
    yield
    app = served[0]
    wait_for(lambda: app.jobs.counts() == (0, 2), "the end of all jobs")
    wait_for(lambda: not list(app.jobs._folder.path.iterdir()), "the end of all uploads")


BOTH_LENGTHS = b"Content-Length: 10\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
CHUNK = b"10000\r\n" + bytes(2**16) + b"\r\n"


@pytest.mark.parametrize(
    ("pieces", "status", "says"),
    [
        ([HEAD + b"\r\n"], 411, "Content-Length"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[CHUNK] * 50], 411, "Content-Length"),
        ([HEAD + BOTH_LENGTHS, *[CHUNK] * 50], 411, "Content-Length"),
        ([HEAD + b"Content-Length: 5\r\nContent-Length: 99999999\r\n\r\nabcde"], 413, "3 MB"),
        ([HEAD + b"Content-Length: -5\r\n\r\nabcde"], 400, "one file"),
        ([posted(VIDEO, *[MODEL] * 5000)], 413, "at most 50 fields"),
        ([posted((b'name="video"; x="' + b"y" * 2_500_000, b"a"))], 413, "at most 500 kB"),
        ([posted((b'name="video"' + b"\r\nX: y" * 300_000, b"a"))], 413, "at most 500 kB"),
        ([posted(VIDEO, (b'name="text"', b"a\n" * 1_000_000))], 413, "at most 500 kB"),
        ([posted(VIDEO, (b'name="text"', b"a\n" * 200_000))], 400, "at most 100 labels"),
        ([posted((b'name="video"', b"a"))], 400, "one file"),
        ([HEAD + b"Content-Length: 2900000\r\n\r\n" + b"\r\n--" * 725_000], 413, "500 kB"),
        ([posted((VIDEO[0], b"\r\n--" * 700_000))], 200, "2800000 bytes"),
    ],
)  # fmt: skip
def test_forms(served, pieces, status, says):
    begin = time.monotonic()
    found, body = sent(served[2], *pieces)
    assert found == status and says in body.decode() and body.count(b"\n") <= 3
    assert time.monotonic() - begin < 20  # no time that grows with the square of the length


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../../etc/passwd", "../../../etc/passwd"),
        (b"<script>alert(1)</script>.mp4", "<script>alert(1)</script>.mp4"),
        (b"a\x1b[2J.mp4", "a\x1b[2J.mp4"),
    ],
)
def test_names_of_files(served, name, shown):
    app, networks, port = served
    networks.seen.clear()
    status, body = sent(port, posted((b'name="video"; filename="' + name + b'"', b"a")))
    assert status == 200 and json.loads(body)[0]["video"] == shown
    assert body.decode().replace("\n", "").isprintable()
    assert networks.seen[0].path.name == "video"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "localhost@evil.example", "127.0.0.1.evil.example"],
)
def test_names_of_others_that_point_here(served, host):
    """DNS rebinding: a page of evil.example, whose address becomes 127.0.0.1."""
    status, _ = sent(served[2], f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert status == 400


LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        LINK,
    ],
)
def test_pages_of_other_sites(served, headers):
    client = Client(served[0])
    for path in ("/predict", "/jobs"):
        error(client.post(path, headers=headers, **form()), 403)
    for path in ("/healthz", "/jobs/x", "/static/page.js"):
        error(client.get(path, headers=headers), 403)
    error(client.delete("/jobs/x", headers=headers), 403)


def test_a_link_of_another_site_opens_the_page(served):
    client = Client(served[0])
    assert client.get("/", headers=LINK).status_code == 200
    error(client.get("/", headers=LINK | {"Sec-Fetch-Dest": "iframe"}), 403)


def test_slow_uploads_end(served, monkeypatch):
    app, _, port = served
    monkeypatch.setattr(upload, "UPLOAD_S", 0.5)
    whole = posted(VIDEO)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(whole[:-20])
        wait_for(lambda: app.jobs.counts()[0] == 1, "the upload")
        wait_for(lambda: app.jobs.counts()[0] == 0, "its end")
    assert sent(port, whole)[0] == 200


def test_a_full_disk(served, capfd):
    """Files of more than 100 kB cannot be written."""
    limit, before = resource.RLIMIT_FSIZE, signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(limit)
    resource.setrlimit(limit, (100_000, old[1]))
    try:
        status, body = sent(served[2], posted((VIDEO[0], bytes(1_000_000))))
    finally:
        resource.setrlimit(limit, old)
        signal.signal(signal.SIGXFSZ, before)
    assert status == 507 and b"no room for this video" in body
    assert "Traceback" not in capfd.readouterr().err
    assert sent(served[2], posted(VIDEO))[0] == 200


def test_connections_are_bounded(served, monkeypatch):
    monkeypatch.setattr(serve, "_MOST_THREADS", 0)
    assert sent(served[2], b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") == (0, b"")


def test_hosts():
    with serve._listening("127.0.0.2", 0) as own:
        assert set(serve._hosts("127.0.0.2", own)) == {*serve._LOOPBACK, "127.0.0.2"}
    with serve._listening("0.0.0.0", 0) as own:
        assert serve._hosts("0.0.0.0", own) == ()
