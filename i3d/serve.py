"""Serves a page on which a video can be tried, and the same over HTTP.

    python -m i3d.serve
    python -m i3d.serve --checkpoint=rgb_imagenet --checkpoint=flow_imagenet --port=8000
    curl -F video=@my.mp4 -F model=rgb_imagenet http://127.0.0.1:8000/predict

Without --checkpoint the published networks are offered whose checkpoints are on this machine, else
the demo weights. Several that are chosen at once have their logits added. Of networks whose classes
are text (actionclip_*, clip_*) the visitor gives the labels. Videos are taken one at a time; the
others wait in a queue. Uploads are removed when they are done.

Only this machine can reach the server, unless --host says otherwise. It has no passwords and no
encryption: for others, put it behind a proxy that has. Ctrl-C ends it.
"""

import ipaddress
import signal
import socket
import sys
import threading
from typing import NamedTuple

from absl import flags

from i3d.inference import options
from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.runtime.stopping import sigterm_as_ctrl_c
from i3d.weights import find
from i3d.weights.cards import CARDS, DEMO_CARDS, Card
from i3d.weights.kinds import taken_by

NAME = "serve"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")  # as a header Host names this machine
_MOST_THREADS = 200  # one is a connection; more are closed at once
_TIMEOUT_S = 30  # of a client that sends or takes nothing


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      cards: of the networks that are offered.
      options: parsed flags.
    """

    cards: list[Card]
    options: flags.FlagValues


def main(argv: list[str]) -> int:
    """Serves until it is stopped; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    options.define(own, several=True, together="offer the choice")
    whole = flags.DEFINE_integer
    host = "address to listen on; 0.0.0.0 is reached from other machines"
    flags.DEFINE_string("host", "127.0.0.1", host, flag_values=own)
    whole("port", 8000, "port; 0 takes a free one", 0, 65535, flag_values=own)
    whole("max_upload_mb", 200, "largest upload, MB", 1, 100_000, flag_values=own)
    whole("queue", 8, "videos in the queue, at most", 1, 1000, flag_values=own)
    longest = "longest time that a video may take, seconds"
    flags.DEFINE_float("max_seconds", 600.0, longest, 0.1, flag_values=own)
    whole("top_k", 5, "number of classes to show per video", 1, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: what was asked for cannot be.
    """
    command.refuse_words(own(argv)[1:])
    if own.checkpoint:
        cards = options.cards(own)
    else:
        crops = own.crops and int(own.crops)
        if own.model:
            raise UserError("--model goes with a --checkpoint")
        cards = options.cards_of(_present(), clips=own.clips, crops=crops)
    return Job(cards, own)


def _present() -> list[str]:
    """Returns the names of published checkpoints that are on this machine, else the demo's."""
    folder = find.folder()
    found = [name for name, card in CARDS.items() if find.is_there(card, folder)]
    demo = [name for name, card in DEMO_CARDS.items() if taken_by(card.model) == "videos"]
    return found or demo


def work(job: Job) -> int:
    """Serves until Ctrl-C.

    Raises:
      UserError: the address is in use, or is not of this machine.
      KeyboardInterrupt: Ctrl-C, SIGTERM, or SIGHUP.
    """
    own = job.options
    with _listening(own.host, own.port) as listening, sigterm_as_ctrl_c():
        from i3d.web.app import App
        from i3d.web.networks import Networks

        networks = Networks(job.cards, own.precision, own.batch_size)
        most_bytes, hosts = own.max_upload_mb * 10**6, _hosts(own.host, listening)
        app = App(networks, most_bytes, own.queue, own.top_k, hosts, own.max_seconds)
        _hangup_as_ctrl_c()
        try:
            server = _server(app, own.host, listening)
            host = f"[{own.host}]" if ":" in own.host else own.host
            print(f"{NAME}: {', '.join(networks.names)}", file=sys.stderr)
            print(f"http://{host}:{server.port}/", flush=True)
            server.serve_forever()
        finally:
            app.close()
    raise KeyboardInterrupt  # which Werkzeug keeps to itself


def _hangup_as_ctrl_c():
    """Lets a terminal that is closed end the server, so that uploads are removed; unless nohup."""
    kind = getattr(signal, "SIGHUP", None)
    if kind and signal.getsignal(kind) == signal.SIG_DFL:
        signal.signal(kind, signal.default_int_handler)


def _listening(host, port):
    """Returns a socket that listens."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UserError(f"{host}, port {port}: cannot listen there: {error.strerror}") from None


def _hosts(host, listening):
    """Returns the names that a request may call the server; () for all, off this machine.

    A page of another site whose name points here has its own.
    """
    address = listening.getsockname()[0]
    if not ipaddress.ip_address(address).is_loopback:
        return ()
    return (*_LOOPBACK, host, f"[{address}]" if ":" in address else address)


def _server(app, host, listening):
    """Returns Werkzeug's server, a thread for each request."""
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

    class Server(ThreadedWSGIServer):
        def verify_request(self, *args: object) -> bool:
            """Returns whether a connection is taken."""
            return threading.active_count() < _MOST_THREADS

    class Handler(WSGIRequestHandler):
        timeout = _TIMEOUT_S

        def log_request(self, *args: object) -> None:
            """Says nothing of requests that are answered."""

        def version_string(self) -> str:
            """Returns what the header Server says."""
            return "i3d"

    port = listening.getsockname()[1]
    return Server(host, port, app, Handler, fd=listening.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv))
