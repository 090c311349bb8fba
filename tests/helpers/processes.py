"""Processes that tests start: their children, waiting for them, ports and files they share."""

import contextlib
import os
import socket
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120  # for what takes a second on a quiet machine


def wait_for(condition, what, seconds=PATIENCE_S):
    """Waits until the condition is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def has_proc():
    """Returns whether processes can be looked up here."""
    return os.path.exists("/proc/self/stat")


def of_session(session):
    """Returns {process id: /proc/ID/status as dict} of the living processes of a session."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, owner, *_ = _stat(folder.name)
            if int(owner) == session and state != "Z":
                lines = (folder / "status").read_text().splitlines()
                found[int(folder.name)] = dict(line.split(":\t", 1) for line in lines)
    return found


def children(pid):
    """Returns the process ids of what a process has started."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid):
    """Returns whether a process is there and no zombie."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def _stat(pid):
    """Returns the fields of /proc/ID/stat from the state on: state, parent, group, session, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def free_ports(count):
    """Returns ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def contents(folder):
    """Returns {name: bytes} of all files below a folder, the hidden ones too."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
