"""What the HTTP interface needs in tests: networks without TensorFlow, forms, a server.

app = App(Networks(), most_bytes=10_000)
Client(app).post("/predict", **form(b"video"))
with listening(app) as port:
    status, body = sent(port, b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
"""

import contextlib
import io
import json
import socket
import threading

from i3d import serve
from i3d.runtime.command import UserError
from i3d.web.pictures import Picture
from i3d.web.timeline import Span
from tests.helpers.processes import PATIENCE_S


class Networks:
    """Says how many bytes a file has; waits for `open`."""

    names = ("a", "b<")
    take_text = True

    def __init__(self):
        """Is open."""
        self.open, self.seen = threading.Event(), []
        self.open.set()

    def described(self, name):
        return "a network"

    def check(self, names, labels):
        if set(names) - set(self.names):
            raise UserError("model: expected a, b<")

    def predict(self, video, top_k, check):
        self.seen.append(video)
        while not self.open.wait(0.01):
            check()
        content = video.path.read_bytes()
        if content == b"bad":
            raise UserError(f"{video.path}: not a video")
        if content == b"bug":
            raise KeyError("bug")
        return [(3, f"{len(content)} bytes of {'+'.join(video.models)}", 1.0)][:top_k]

    def timeline(self, *asked):
        spans = [Span(0.0, 1.5, "walk", 0.5), Span(1.5, 2.0, "<b>", 1.0)]
        return self.predict(*asked), spans, Picture("timeline", "data:,", "a timeline")

    def activation(self, video, number, check):
        return [Picture("activation", "data:,", f"of class {number}")]


def form(content=b"video", name="my.mp4", **fields):
    return {"data": {"video": (io.BytesIO(content), name), **fields}}


def error(response, status):
    """Returns the one line of an error."""
    assert response.status_code == status and response.mimetype == "application/json"
    assert response.text.count("\n") == 1
    return json.loads(response.text)["error"]


@contextlib.contextmanager
def listening(app):
    """Gives the port of a server of this process."""
    with serve._listening("127.0.0.1", 0) as own:
        server = serve._server(app, "127.0.0.1", own)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def sent(port, *pieces):
    """Returns (status, body) of the answer to bytes; (0, b"") where there is none."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
        with contextlib.suppress(OSError):  # what is refused is not read
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while piece := client.recv(2**16):
                answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    while head.split()[1:2] == [b"100"]:
        head, _, body = body.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
HEAD += b"Content-Type: multipart/form-data; boundary=x\r\n"
VIDEO = (b'name="video"; filename="a.mp4"', b"video")


def posted(*parts):
    """Returns the bytes of POST /predict with (parameters of the disposition, content) of parts."""
    form = b"Content-Disposition: form-data; "
    body = b"".join(b"--x\r\n" + form + head + b"\r\n\r\n" + own + b"\r\n" for head, own in parts)
    body += b"--x--\r\n"
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
