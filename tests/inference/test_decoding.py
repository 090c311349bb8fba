"""The pool of decoding processes, and batches of what it yields."""

import subprocess
import sys
import time

import numpy as np
import pytest

from i3d.inference import decoding
from i3d.inference.decoding import Batch, End, View
from i3d.runtime import once
from tests.helpers.decoding import BYTES, SHAPE, numbered, shrinking, warning
from tests.helpers.processes import ROOT, wait_for


def collected(pieces):
    """Returns {place of a task: its views' values} and {place: problem}."""
    values, problems = {}, {}
    for piece in pieces:
        if isinstance(piece, End):
            problems[piece.task] = piece.problem
        else:
            assert piece.pixels.shape == SHAPE and piece.pixels.dtype == np.uint8
            values.setdefault(piece.task, []).append(float(piece.pixels.mean()))
    return values, problems


def test_a_warning_is_shown_once_by_all_processes(monkeypatch, capfd):
    monkeypatch.setattr(once, "_told", bytearray(2))
    with decoding.Decoders(warning, list("abcd"), 2, BYTES) as pieces:
        assert len(list(pieces)) == 4
    once.warn("looped", "e: is short")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith(": is short (this warning is shown once)")


def decoded(tasks, workers):
    with decoding.Decoders(numbered, tasks, workers, BYTES) as pieces:
        return collected(pieces)


def test_a_crash_costs_one_video():
    values, problems = decoded([0, "crash", 2, "bad", 4], workers=2)
    assert problems == {0: "", 1: "the decoder crashed (SIGSEGV)", 2: "", 3: "broken", 4: ""}
    assert values == {0: [0, 1, 2], 2: [20, 21, 22], 3: [0], 4: [40, 41, 42]}


@pytest.mark.parametrize(
    "task, message",
    [
        ("killed", "out of memory"),
        ("type", "status 1"),
        ("large", "status 1"),
        ("bug", "status 1"),
    ],
)
def test_other_ends_of_workers_stop_the_work(task, message):
    with pytest.raises(decoding.DecodeError, match=message):
        decoded([0, task, 2], workers=1)


def test_views_wait_in_bounded_room(monkeypatch):
    """A worker with no room left waits: with room for two, its third view is not there."""
    monkeypatch.setattr(decoding, "WAITING_BYTES", 0)
    with decoding.Decoders(numbered, [1, 2, 3], 1, BYTES) as pieces:
        stream = iter(pieces)
        assert next(stream).pixels[0, 0] == 10
        (worker,) = pieces._workers
        assert len(worker.slots) == 2
        wait_for(lambda: worker.slots[1, 0] == 11, "the room to be full")
        time.sleep(0.5)  # for a third view to come, were there a mistake
        assert worker.slots[:, 0].tolist() == [10, 11]
        rest = [p.pixels[0, 0] for p in stream if isinstance(p, View)]
    assert rest == [11, 12, 20, 21, 22, 30, 31, 32]


def test_views_may_be_smaller_than_their_room():
    with decoding.Decoders(shrinking, [7, 8], 1, BYTES) as pieces:
        views = [(p.task, p.key, p.pixels.tolist()) for p in pieces if isinstance(p, View)]
    expected = [(0, (0,), [[7] * 3]), (0, (1,), [[7] * 2] * 2)]
    expected += [(1, (0,), [[8] * 3]), (1, (1,), [[8] * 2] * 2)]
    assert views == expected


def test_this_process_decodes_alike():
    tasks = [0, "bad", 4]
    assert collected(decoding.decoded_here(numbered, tasks)) == decoded(tasks, workers=1)
    with pytest.raises(ValueError, match="no mistake of the user"):
        list(decoding.decoded_here(numbered, ["bug"]))


def view(task, value, shape=(2,)):
    return View(task, (value,), np.full(shape, value, np.uint8))


def test_batches_hold_one_shape_and_one_kind():
    pieces = [view(0, 1), view(0, 2), End(0, ""), view(1, 3), view(1, 4, (3,)), End(1, "bad")]
    pieces += [view(2, 5, (3,)), view(3, 6, (3,)), End(2, ""), End(3, "")]
    found = list(decoding.batches(iter(pieces), 3, kind=lambda task: task == 3))
    assert all(isinstance(batch, Batch) for batch in found)
    assert [batch.clips.tolist() for batch in found] == [
        [[1, 1], [2, 2], [3, 3]],
        [[4] * 3, [5] * 3],
        [[6] * 3],
    ]
    assert [[key for _, key in batch.keys] for batch in found] == [
        [(1,), (2,), (3,)],
        [(4,), (5,)],
        [(6,)],
    ]
    ended = [[end.task for end in batch.ended] for batch in found]
    assert ended == [[0], [1], [2, 3]]
    (last,) = decoding.batches(iter([End(0, "none")]), 3)
    assert len(last.clips) == 0 and last.ended == [End(0, "none")]


def test_ahead_gives_items_errors_and_ends():
    def items():
        yield from range(5)
        raise KeyError("late")

    stream = decoding.ahead(items(), 2)
    assert [next(stream) for _ in range(5)] == list(range(5))
    with pytest.raises(KeyError, match="late"):
        next(stream)
    assert list(decoding.ahead(iter("abc"))) == list("abc")


STOPPED = """
import os, signal, sys
from i3d.inference import decoding
from tests.helpers.decoding import BYTES, numbered

with decoding.Decoders(numbered, range(100), 2, BYTES) as pieces:
    for place, piece in enumerate(pieces):
        if place == 5 and sys.argv[1] == "exit":
            os._exit(3)
        if place == 5:
            os.kill(os.getpid(), signal.Signals[sys.argv[1]])
"""


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL", "exit"])
def test_a_process_that_is_stopped_leaves_nothing_and_says_nothing(how):
    line = [sys.executable, "-c", STOPPED, how]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode and (done.stdout, done.stderr) == ("", "")
