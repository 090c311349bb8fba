"""Which frames are taken: rates, timestamps, and time that does not run evenly."""

from fractions import Fraction

import av
import pytest

from i3d.video import clock
from i3d.video import frames as video_frames
from tests.helpers.video_files import B_FRAMES, expected_numbers, numbered, numbers, write

MPEG4 = {"codec": "mpeg4", "options": {"b": "5M"}}
NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)


@pytest.mark.parametrize("rate", [NTSC_FILM, Fraction(25), NTSC, Fraction(30), Fraction(60)])
def test_constant_rates_become_25(tmp_path, rate):
    path = write(tmp_path / "a.mp4", numbered(70), rate=rate)
    found = numbers(path)
    assert found == expected_numbers([i / rate for i in range(70)], 70 / rate)
    assert abs(len(found) / 25 - 70 / rate) <= 1 / 25
    info = video_frames.probe(path)
    assert (info.frames, info.width, info.height, info.codec) == (70, 48, 32, "h264")
    assert info.fps == pytest.approx(float(rate))
    assert info.duration_s == pytest.approx(float(70 / rate))
    assert info.timestamps_usable and info.problem == "" and info.rotation == 0


def test_other_output_rates(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(30), rate=30)
    assert numbers(path, fps=10) == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]
    assert numbers(path, fps=None) == list(range(30))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_goes_by_timestamps(tmp_path, name):
    stamps = [0, 40, 80, 400, 440, 441, 1000, 1011, 1500]
    encoder = {"options": {"bf": "0"}, "stamps_ms": stamps, "last_ms": 300}
    path = write(tmp_path / name, numbered(9), **encoder)
    starts = [Fraction(stamp, 1000) for stamp in stamps]
    assert numbers(path) == expected_numbers(starts, Fraction(1800, 1000))
    assert numbers(path, fps=None) == list(range(9))
    assert video_frames.probe(path).fps == pytest.approx(9 / 1.8)


def test_a_leap_in_the_timestamps_is_not_filled(tmp_path):
    stamps = [0, 40, 80, 10**8, 10**8 + 40]
    path = write(tmp_path / "a.mkv", numbered(5), stamps_ms=stamps)
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert not video_frames.probe(path).timestamps_usable


def test_time_starts_at_the_first_frame(tmp_path):
    path = write(tmp_path / "a.mkv", numbered(10), stamps_ms=[5000 + 40 * i for i in range(10)])
    assert numbers(path) == list(range(10))
    assert numbers(path, start_s=0.2, end_s=0.32) == [5, 6, 7]


def test_avi_with_b_frames_keeps_decoder_order(tmp_path):
    path = write(tmp_path / "a.avi", numbered(60), rate=30, options=B_FRAMES)
    with av.open(str(path)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    assert stamps != sorted(stamps), "the file must have the fault that this test is about"
    assert numbers(path, fps=None) == list(range(60))
    assert numbers(path) == expected_numbers([Fraction(i, 30) for i in range(60)], Fraction(2))
    info = video_frames.probe(path)
    assert not info.timestamps_usable
    assert info.frames == 60 and info.problem == ""
    assert numbers(path, start_s=1.2, end_s=1.6) == numbers(path)[30:40]


def test_avi_without_b_frames_goes_by_timestamps(tmp_path):
    path = write(tmp_path / "a.avi", numbered(30), rate=30, **MPEG4)
    assert video_frames.probe(path).timestamps_usable
    assert numbers(path) == expected_numbers([Fraction(i, 30) for i in range(30)], Fraction(1))


def test_raw_stream_without_timestamps(tmp_path):
    path = write(tmp_path / "a.h264", numbered(40), rate=25)
    assert numbers(path) == list(range(40))
    assert not video_frames.probe(path).timestamps_usable


def test_timestamps_that_turn_bad_are_left(monkeypatch, tmp_path):
    """From the first step back on, each frame takes one period of the stream's rate."""
    path = write(tmp_path / "a.avi", numbered(60), rate=25, options=B_FRAMES)
    kept = clock.Clock.__init__

    def trusting(self, source):
        kept(self, source)
        self.trusted = True

    monkeypatch.setattr(clock.Clock, "__init__", trusting)
    found = numbers(path)
    assert found == sorted(found)
    assert not video_frames.probe(path).timestamps_usable
    assert abs(len(found) - 60) <= 3


def test_three_frames_and_one(tmp_path):
    assert numbers(write(tmp_path / "3.mp4", numbered(3), rate=30)) == [0, 1, 2]
    assert numbers(write(tmp_path / "1.mp4", numbered(1), rate=60)) == [0]


def test_stated_reads_the_header(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(50))
    assert video_frames.stated(path) == (32, 48, 2.0)
    assert video_frames.stated(write(tmp_path / "a.h264", numbered(2)))[:2] == (32, 48)
    with pytest.raises(video_frames.VideoError, match="the file is empty"):
        (tmp_path / "b.mp4").touch()
        video_frames.stated(tmp_path / "b.mp4")
