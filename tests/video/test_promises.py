"""Headers that promise what is not there, or too much of it, and what is right but looks wrong."""

import struct
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from i3d.video import boxes, sampled
from i3d.video import frames as video_frames
from tests.helpers.clocks import encoded, textured
from tests.helpers.video_files import numbered, numbers, write

BILLION = 10**9


def put(content, name, at, value, order=">"):
    """Returns the bytes with another 32-bit number `at` bytes behind the first such name."""
    content = bytearray(content)
    place = content.index(name) + len(name) + at
    content[place : place + 4] = struct.pack(f"{order}I", value)
    return bytes(content)


def refused(path, content, words):
    """Asserts that all readers refuse a file at once, in a line with these words."""
    path.write_bytes(content)
    begin = time.monotonic()
    for reader in (video_frames.probe, numbers, sampled.count_frames, video_frames.stated):
        with pytest.raises(video_frames.VideoError, match=words) as caught:
            reader(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("count", [10**5, 10**7, BILLION])
def test_an_index_of_more_samples_than_bytes(tmp_path, count):
    path = write(tmp_path / "a.mp4", numbered(10))
    whole = path.read_bytes()
    assert boxes.samples(path) == 10
    content = put(put(put(whole, b"stsz", 4, 1), b"stsz", 8, count), b"stts", 8, count)
    refused(path, content, f"its index promises {count} samples, more than its bytes")


def test_a_fragment_of_more_samples_than_bytes(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(30), muxer={"movflags": "frag_keyframe+empty_moov"})
    assert boxes.samples(path) == 30
    refused(path, put(path.read_bytes(), b"trun", 4, 5_000_000), "promises 5000")


def test_boxes_within_boxes_are_no_burden(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\0moov" * 100_000)
    begin = time.monotonic()
    assert boxes.samples(path) == 0
    assert time.monotonic() - begin < 2


def test_a_promised_length_costs_nothing(tmp_path):
    path = write(tmp_path / "a.avi", numbered(30), codec="mpeg4")
    content = put(put(path.read_bytes(), b"avih", 20, BILLION, "<"), b"strh", 36, BILLION, "<")
    path.write_bytes(content)
    asked = []

    def choose(count):
        asked.append(count)
        return range(0, count, 4)

    for fps in (0, 25.0):
        found = sampled.wanted_frames(path, choose, fps)
        assert found.count == 30 and sorted(found.pictures) == list(range(0, 30, 4))
    assert max(asked) <= len(content)
    problem = "incomplete: the header promises 1000000000 frames, 30 are there"
    assert video_frames.probe(path).problem == problem


@pytest.mark.parametrize("name", ["a.avi", "a.ts"])
def test_pictures_that_no_memory_holds(tmp_path, name):
    path = tmp_path / name
    grey = np.full((3600, 3600, 3), 90, np.uint8)
    write(path, [grey] * 2, options={"preset": "ultrafast", "crf": "50"})
    words = "pictures of 3600x3600 pixels; expected at most 10 MP in a file of its size"
    refused(path, path.read_bytes(), words)


def test_a_gif_of_20000_pixels_a_side(tmp_path):
    path = write(tmp_path / "a.gif", numbered(3), codec="gif", pix_fmt="rgb8")
    for side in (12_000, 20_000, 65_535):
        content = bytearray(path.read_bytes())
        content[6:10] = struct.pack("<HH", side, side)
        refused(path, content, "pictures of more than 10 MP")


def test_sizes_that_cannot_be_are_refused_on_the_way(tmp_path):
    small = encoded(textured(25), tmp_path / "a.ts")
    large = encoded([np.full((3600, 3600, 3), 90, np.uint8)], tmp_path / "b.ts", crf="50")
    path = tmp_path / "both.ts"
    path.write_bytes(small + large)
    assert video_frames.probe(path).problem.startswith("corrupt after 25 decoded frames")


def with_sound(path, sound_s, video_s, frames=50):
    """Writes a video that begins at video_s, with sound from 0 s to sound_s."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        sound = container.add_stream("aac", rate=8000)
        packets = []
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, int(8000 * sound_s)), np.float32), "fltp", "mono"
        )
        silence.rate, silence.pts, silence.time_base = 8000, 0, Fraction(1, 8000)
        packets += [*sound.encode(silence), *sound.encode(None)]
        for number, picture in enumerate(numbered(frames)):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number + round(25 * video_s), 1 / video.average_rate
            packets += video.encode(frame)
        for packet in sorted(packets + video.encode(None), key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
@pytest.mark.parametrize(("sound_s", "video_s"), [(3.5, 1.5), (2.0, 0), (20, 3), (20, 0), (0.5, 9)])
def test_sound_and_video_of_other_lengths_are_whole(tmp_path, name, sound_s, video_s):
    path = with_sound(tmp_path / name, sound_s, video_s)
    info = video_frames.probe(path)
    assert (info.frames, info.duration_s, info.problem) == (50, 2.0, "")
    assert numbers(path) == list(range(50))
    assert numbers(path, start_s=1.2, end_s=1.6) == list(range(30, 40))
