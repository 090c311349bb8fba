"""Many uploads at once to a server: is one lost or mixed up, how fast, how much memory?

    python -m benchmarks.serve                                    # 200 uploads from 8 clients
    python -m benchmarks.serve --uploads=24 --clients=4 --checkpoint=demo_flow

Draws a clip of each class of the figures, starts `python -m i3d.serve`, and asks it for each clip
alone. Then the clients send clips, each under a name of its own, and compare the answers: the same
classes and scores as alone, under the name that was sent. Prints uploads per second, and the memory
of the server before the first upload, after every clip was asked for alone, at its highest, and at
the end. The exit status is 1 where an answer is not as it should be.
"""

import argparse
import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import requests

from benchmarks.commands import run

_PATIENCE_S = 600


class Answer(NamedTuple):
    """What the server said to an upload.

    Attributes:
      seconds: from the first byte sent.
      problem: "" where it was as it should be.
    """

    seconds: float
    problem: str


def main(argv: list[str]) -> int:
    """Prints the figures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--uploads", type=int, default=200, help="number of uploads")
    parser.add_argument("--clients", type=int, default=8, help="clients at once")
    parser.add_argument("--checkpoint", default="demo_rgb", help="of the network that is asked")
    asked = parser.parse_args(argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        videos = drawn(Path(folder))
        words = [f"--checkpoint={asked.checkpoint}", f"--queue={asked.clients}"]
        with served(*words) as (url, pid), watched(pid) as memory:
            memory.note("before the first upload")
            alone = {video: predictions(url, video, video.name) for video in videos}
            memory.note("after each clip alone")
            begin = time.monotonic()
            answers = load(url, alone, asked.uploads, asked.clients)
            seconds = time.monotonic() - begin
            memory.note("at the end")
            left = requests.get(f"{url}healthz", timeout=_PATIENCE_S).json()["queue"]
        problems = [f"{a.name} and {b.name} get the same answer" for a, b in same(alone)]
        problems += [answer.problem for answer in answers if answer.problem]
        problems += [f"{left} jobs are left in the queue"] * bool(left)
    print(*problems, sep="\n", end="\n" * bool(problems), file=sys.stderr)
    print(described(answers, seconds, asked.clients, len(videos)), memory.described(), sep="\n")
    return bool(problems)


def drawn(folder: Path) -> list[Path]:
    """Returns the paths of drawn clips, one of each class."""
    run("data_prep", "figures", f"--out={folder / 'figures'}", "--videos_per_class=1", "--test")
    return sorted((folder / "figures").rglob("*.mp4"))


@contextlib.contextmanager
def served(*words: str) -> Iterator[tuple[str, int]]:
    """Gives the address and the process id of a server on a free port."""
    line = [sys.executable, "-m", "i3d.serve", "--port=0", *words]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def load(url: str, alone: dict[Path, list[dict]], uploads: int, clients: int) -> list[Answer]:
    """Returns the Answers to uploads of clips in turn, from so many clients at once.

    Args:
      url: of the server.
      alone: {path of a clip: the predictions of it alone}.
      uploads: their number.
      clients: threads, each of which sends one upload after the other.
    """
    videos = itertools.islice(itertools.cycle(alone), uploads)

    def ask(number_and_video):
        number, video = number_and_video
        name = f"{number}-{video.name}"
        begin = time.monotonic()
        try:
            found = predictions(url, video, name)
        except (requests.RequestException, ValueError) as error:
            return Answer(time.monotonic() - begin, f"{name}: lost: {error}")
        problem = "" if found == alone[video] else f"{name}: expected {alone[video]}, got {found}"
        return Answer(time.monotonic() - begin, problem)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(ask, enumerate(videos)))


def predictions(url: str, video: Path, name: str) -> list[dict]:
    """Returns what POST /predict says of a clip.

    Raises:
      ValueError: it is of another name, or no answer.
    """
    with open(video, "rb") as file:
        answer = requests.post(f"{url}predict", files={"video": (name, file)}, timeout=_PATIENCE_S)
    if not answer.ok:
        raise ValueError(f"{answer.status_code} {answer.text.strip()}")
    (entry,) = answer.json()
    if entry["video"] != name:
        raise ValueError(f"got the answer to {entry['video']}")
    return entry["predictions"]


def same(alone: dict[Path, list[dict]]) -> list[tuple[Path, Path]]:
    """Returns the pairs of clips whose answers are the same, which a mix-up would not show in."""
    return [(a, b) for a, b in itertools.combinations(alone, 2) if alone[a] == alone[b]]


class Memory:
    """The resident memory of a process, looked at again and again."""

    def __init__(self, pid: int):
        """Keeps the process id; Linux alone says what the memory of another process is."""
        self._status = Path(f"/proc/{pid}/status")
        self._notes: list[tuple[str, float]] = []
        self.highest = 0.0

    def look(self) -> float:
        """Returns the MB that are resident now."""
        found = re.search(r"VmRSS:\s*(\d+) kB", self._status.read_text())
        now = int(found[1]) * 1024 / 1e6 if found else 0.0
        self.highest = max(self.highest, now)
        return now

    def note(self, when: str) -> None:
        """Keeps the memory of this moment."""
        self._notes.append((when, self.look()))

    def described(self) -> str:
        """Returns a line on the memory at the moments that were noted, and the highest."""
        each = ", ".join(f"{megabytes:.0f} MB {when}" for when, megabytes in self._notes)
        return f"memory of the server: {each}; {self.highest:.0f} MB at its highest"


@contextlib.contextmanager
def watched(pid: int, every_s: float = 0.05) -> Iterator[Memory]:
    """Gives the Memory of a process, at which a thread looks every so many seconds."""
    memory, ended = Memory(pid), threading.Event()

    def watch():
        with contextlib.suppress(OSError):  # the process has ended
            while not ended.wait(every_s):
                memory.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        ended.set()
        thread.join()


def described(answers: Sequence[Answer], seconds: float, clients: int, clips: int) -> str:
    """Returns a line on the uploads."""
    wrong = sum(bool(answer.problem) for answer in answers)
    each = [answer.seconds for answer in answers]
    return (
        f"{len(answers)} uploads of {clips} clips from {clients} clients: {wrong} lost or mixed "
        f"up; {seconds:.1f} s, {len(answers) / seconds:.2f} uploads/s; an answer after "
        f"{statistics.median(each):.2f} s (median), {max(each):.2f} s at most"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
