"""A web server of this process, for tests of downloads.

with serving(Handler) as server:
    requests.get(f"{server.url}/a.bin")
"""

import contextlib
import http.server
import threading


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Answers requests without a word on the test's output."""

    def log_message(self, *args):
        """Says nothing."""


@contextlib.contextmanager
def serving(handler):
    """Gives the server, its address in `url`; its attributes are the test's to set."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
