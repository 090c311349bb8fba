"""Bars and lines of progress: what an earlier run did, and parts of a unit."""

import io
import sys

import pytest

from i3d.runtime import progress
from i3d.runtime.progress import Progress


class Terminal(io.StringIO):
    """Standard error that takes itself for a terminal."""

    def isatty(self):
        """Returns True."""
        return True


@pytest.fixture
def lines(monkeypatch, capsys):
    """What is printed, a line for every change."""
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    return lambda: capsys.readouterr().err.splitlines()


def test_a_resumed_run_counts_from_what_is_done(lines):
    with Progress(100, "step", done=60) as found:
        found.add()
    assert "61/100" in lines()[0]


def test_a_resumed_bar_begins_where_it_stopped(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(100, "step", "train", done=60):
        pass
    assert "train:  60%" in sys.stderr.getvalue() and "60/100" in sys.stderr.getvalue()


def test_a_first_unit_that_compiles_is_not_in_the_rate(monkeypatch, lines):
    clock = iter([0, 70, 70, 72, 74])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress(100, "step", done=60, first_apart=True) as found:
        for _ in range(3):
            found.add()
    first, second, third = lines()
    assert "61/100" in first and "?" in first and "70" not in first
    assert second.endswith("62/100 [00:02<01:16,  2.00s/step]")
    assert "63/100 [00:04<01:14" in third


def test_a_bar_begins_anew_after_the_first_unit(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(4, "step", "train", first_apart=True) as found:
        found.add()
        found.add()
    assert "1/4 [00:00<?, ? step/s]" in sys.stderr.getvalue()
    assert "2/4" in sys.stderr.getvalue()


def test_parts_of_a_long_unit_move(lines):
    with Progress(1, "video", part="window") as found:
        found.add_parts(1)
        found.add_parts(2)
        found.add()
    first, second, *_ = lines()
    assert "0/1" in first and "1 window, " in first
    assert "3 windows, " in second


def test_units_and_rates(monkeypatch, lines):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress(None, "frame", "flow") as found:
        found.add()
        found.add()
    assert lines() == [
        "flow: 1 frame [00:02,  2.00s/frame]",
        "flow: 2 frames [00:04,  2.00s/frame]",
    ]
    with Progress(1, "video") as found:
        found.add()
    (line,) = lines()
    assert line.endswith("1/1 [00:02<00:00,  2.00s/video]")


def test_nothing_is_printed_twice(lines):
    with Progress(2, "video") as found:
        found.add()
        found.add()
    assert len(lines()) == 2


def test_short_work_prints_nothing(capsys):
    with Progress(2, "video") as found:
        found.add()
        found.add()
    assert not capsys.readouterr().err


def test_a_note_stands_after_the_counts(lines, monkeypatch):
    with Progress(3, "item", part="window") as found:
        found.note = "1 kept"
        found.add()
        found.add_parts(2)
    first, second = lines()
    assert first.endswith("item/s, 1 kept]") or first.endswith("s/item, 1 kept]")
    assert "2 windows, " in second and second.endswith("/s, 1 kept]")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(3, "item") as found:
        found.note = "none kept"
        found.add()
    assert "none kept" in sys.stderr.getvalue()
