"""Downloads from a server that means harm: bounded, and one line."""

import contextlib
import hashlib
import tracemalloc

import pytest

from i3d.weights import download, files, transfer
from tests.helpers.serving import QuietHandler, serving

WHOLE = b"abseiling\nair drumming\n"
BLOB = hashlib.sha1(b"blob %d\0" % len(WHOLE) + WHOLE).hexdigest()
TABLE = {
    "sized": (files.PublishedFile("f", "f", len(WHOLE), BLOB),),
    "unsized": (files.PublishedFile("f", "f", None, BLOB),),
}
MOST = 1 << 20  # bytes of a file whose size is not known, in these tests


class _Handler(QuietHandler):
    """Answers each path as ANSWERS says: status, headers, body; None for one without an end."""

    def do_GET(self):  # noqa: N802
        self.server.paths.append(self.path)
        status, headers, body = self.server.answers[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body or b"")
            while body is None:
                self.wfile.write(bytes(1 << 16))
        self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "FILES", TABLE)
    monkeypatch.setattr(transfer, "_PAUSE_S", 0.0)
    monkeypatch.setattr(transfer, "_MOST_BYTES", MOST)
    with serving(_Handler) as httpd:
        httpd.answers, httpd.paths = {}, []
        yield httpd


def refused(server, tmp_path, name="sized"):
    """Returns the first line of the error; memory and the folder have not grown by then."""
    tracemalloc.start()
    with pytest.raises(download.DownloadError) as caught:
        download.fetch([name], tmp_path, server.url)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= MOST
    assert not (tmp_path / "f").exists()
    return str(caught.value).partition("\n")[0]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "abc"}, {"Content-Length": "9" * 30}])
def test_a_file_without_an_end(server, tmp_path, name, headers):
    server.answers["/f"] = 200, headers, None
    most = len(WHOLE) if name == "sized" else MOST
    assert f"/f is longer than {most:,} bytes; what was received was deleted" in refused(
        server, tmp_path, name
    )


def test_a_rest_without_an_end(server, tmp_path):
    (tmp_path / "f.part").write_bytes(WHOLE[:5])
    server.answers["/f"] = 206, {}, None
    assert "/f is longer than 23 bytes" in refused(server, tmp_path)


@pytest.mark.parametrize("length", ["-1", "0x17", "²³", "1e2", "99999999999999999"])
def test_lengths_that_lie(server, tmp_path, length):
    server.answers["/f"] = 200, {"Content-Length": length}, WHOLE[:7]
    assert refused(server, tmp_path)


def test_redirects_are_followed(server, tmp_path):
    server.answers["/f"] = 302, {"Location": "/to/g"}, b"moved"
    server.answers["/to/g"] = 307, {"Location": "h"}, b""
    server.answers["/to/h"] = 200, {"Content-Length": str(len(WHOLE))}, WHOLE
    assert download.fetch(["sized"], tmp_path, server.url) == ["f"]
    assert server.paths == ["/f", "/to/g", "/to/h"]


@pytest.mark.parametrize("target", ["/f", "", "f"])
def test_redirects_in_a_circle_each_with_a_text_without_an_end(server, tmp_path, target):
    server.answers["/f"] = 302, {"Location": target}, None
    assert "more than 5 redirects" in refused(server, tmp_path)
    assert len(server.paths) == 6


@pytest.mark.parametrize("target", ["file:///etc/hosts", "ftp://127.0.0.1/f", "http://[", "//"])
def test_redirects_to_other_schemes(server, tmp_path, target):
    server.answers["/f"] = 301, {"Location": target}, b""
    assert "cannot download" in refused(server, tmp_path)


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_error_page_without_an_end(server, tmp_path, status):
    server.answers["/f"] = status, {}, None
    assert f"{status}" in refused(server, tmp_path)


def test_what_comes_compressed(server, tmp_path):
    server.answers["/f"] = 200, {"Content-Encoding": "gzip"}, None
    assert "comes compressed (gzip)" in refused(server, tmp_path)
