"""Time that jumps, restarts, wraps, begins late or is edited: any part is the straight read's."""

from fractions import Fraction

import numpy as np
import pytest

from i3d.video import clock, sampled
from i3d.video import frames as video_frames
from tests.helpers.clocks import edited, encoded, textured
from tests.helpers.video_files import B_FRAMES, read

FRAMES = textured(100)
FIRST, SECOND = FRAMES[:50], FRAMES[50:]
WRAP_S = Fraction(2**33, 90_000)  # when the clock of a transport stream begins again
MPEG2 = {"codec": "mpeg2video"}
FRAGMENTS = {"muxer": {"movflags": "frag_keyframe+empty_moov"}}
REFRESH = {"x264-params": "intra-refresh=1:keyint=20:scenecut=0:bframes=0", "g": "20"}


def joined(*parts):
    """Returns the maker of recordings put one after the other: (frames, settings of encoded)."""
    return lambda path: b"".join(encoded(frames, path, **settings) for frames, settings in parts)


def one(**settings):
    return joined((FRAMES, settings))


MADE = {  # name: (maker, the frames that a straight read gives; None: any)
    "joined.ts": (joined((FIRST, {}), (SECOND, {})), 100),
    "b_frames.ts": (joined((FIRST, {"bf": "3"}), (SECOND, {"bf": "3"})), 100),
    "thrice.ts": (joined(*[(FRAMES[i : i + 33], {"g": "8"}) for i in (0, 33, 66)]), 99),
    "ahead.ts": (one(gaps={50: 100}), 100),
    "twice_ahead.ts": (one(gaps={30: 3000, 70: 12}), 100),
    "back_a_little.ts": (joined((FIRST, {}), (SECOND, {"first_s": 1})), 100),
    "back_a_lot.ts": (joined((FIRST, {"first_s": 5000}), (SECOND, {"first_s": 1})), 100),
    "back_too_little.ts": (joined((FIRST, {}), (SECOND, {"first_s": 1.95})), None),
    "lost.ts": (one(gaps={50: 3}), 175),
    "wrap.ts": (one(first_s=WRAP_S - 2), 100),
    "late.ts": (one(first_s=10), 100),
    "faster.ts": (joined((FIRST, {}), (SECOND, {"rate": 50})), None),
    "larger.ts": (joined((FIRST, {}), (textured(50, 64, 64), {})), 100),
    "open_gop.ts": (one(bf="2", **{"x264-params": "open-gop=1"}), 100),
    "refresh.ts": (one(**REFRESH), 100),
    "joined.mpg": (joined((FIRST, MPEG2), (SECOND, MPEG2)), 100),
    "far_ahead.mpg": (joined((FIRST, MPEG2), (SECOND, MPEG2 | {"first_s": 500})), 100),
    "ahead.mpg": (one(gaps={50: 15}, **MPEG2), 100),
    "b_frames.mpg": (joined((FIRST, MPEG2 | {"bf": "2"}), (SECOND, MPEG2 | {"bf": "2"})), 100),
    "joined.vob": (joined((FIRST, MPEG2), (SECOND, MPEG2)), 100),
    "edited.mp4": (lambda path: edited(one()(path), [(3000, 1024 + 20 * 512)]), 75),
    "cut.mp4": (lambda path: edited(one()(path), [(2000, 1024)]), 50),
    "late.mp4": (one(first_s=3.5), 100),
    "empty_edit.mp4": (lambda path: edited(one()(path), [(1500, -1), (4000, 1024)]), 100),
    "reordered.mp4": (
        lambda path: edited(one()(path), [(2000, 1024 + 50 * 512), (2000, 1024)]),
        100,
    ),
    "still.mp4": (one(gaps={50: 15}), 475),
    "fragments.mp4": (one(gaps={50: 15}, **FRAGMENTS), 475),
    "refresh.mp4": (one(**REFRESH), 100),
    "still.mkv": (one(gaps={50: 8}), 300),
    "long_still.mkv": (one(gaps={50: 15}), 475),
    "longest.mkv": (one(gaps={50: 3600}), 100),
    "late.mkv": (one(first_s=3.5), 100),
    "joined.mkv": (joined((FIRST, {}), (SECOND, {})), 100),
    "joined_late.mkv": (joined((FIRST, {}), (SECOND, {"first_s": 0.3})), 100),
    "refresh.mkv": (one(**REFRESH), 100),
    "still.flv": (one(gaps={50: 15}), 475),
    "late.flv": (one(first_s=3.5), 100),
    "refresh.avi": (one(**REFRESH), 100),
    "plain.avi": (one(codec="mpeg4"), 100),
    "b_frames.avi": (one(**B_FRAMES), 100),
    "joined.avi": (joined((FIRST, {}), (SECOND, {})), 100),
    "still.avi": (one(gaps={50: 15}, codec="mpeg4"), 475),
    "vp8.webm": (one(codec="libvpx", gaps={50: 4}), 200),
    "vp8.ogg": (one(codec="libvpx"), 100),
}


@pytest.fixture(scope="module", params=MADE)
def made(request, tmp_path_factory):
    """Returns (path, number of frames, their straight read at 25 frames per second)."""
    maker, count = MADE[request.param]
    path = tmp_path_factory.mktemp("made") / request.param
    path.write_bytes(maker(path))
    return path, count, read(path)


def parts(seconds):
    """Yields (start, end) of parts of a video, end None where it is the video's."""
    for start in (0.52, 1.52, 2.04, 2.6, seconds * 0.7, seconds - 0.44):
        yield start, start + 0.48
    yield from ((1.52, None), (seconds - 0.44, None))


def test_parts_are_slots_of_the_straight_read(made):
    path, count, whole = made
    assert len(whole) == count or not count
    for start, end in parts(len(whole) / 25):
        first = video_frames.slot(video_frames.exact(start), 25)
        last = None if end is None else video_frames.slot(video_frames.exact(end), 25)
        expected = whole[first:last]
        if not expected:  # of a short one
            continue
        np.testing.assert_array_equal(read(path, start_s=start, end_s=end), expected)
        assert sampled.count_frames(path, 25, start, end) == len(expected)
        every = lambda count: range(0, count, 3)  # noqa: E731
        found = sampled.wanted_frames(path, every, 25, start, end)
        assert found.count == len(expected)
        for number, picture in found.pictures.items():
            np.testing.assert_array_equal(picture, expected[number])


def test_every_frame_of_a_part(made):
    path, *_ = made
    whole, begins = read(path, fps=None), [begin for _, begin, _ in clock.intervals(path, 0)]
    assert len(whole) == len(begins) == sampled.count_frames(path)
    for start, end in ((1.52, 2), (1.4, 2.8), (2.6, None)):
        limits = Fraction(str(start)), Fraction(str(end or 10**6))
        expected = [f for f, t in zip(whole, begins, strict=True) if limits[0] <= t < limits[1]]
        if expected:
            part = read(path, fps=None, start_s=start, end_s=end)
            np.testing.assert_array_equal(part, expected)


JUMPS = """
    joined.ts b_frames.ts thrice.ts ahead.ts twice_ahead.ts back_a_little.ts back_a_lot.ts faster.ts
    larger.ts joined.mpg far_ahead.mpg ahead.mpg b_frames.mpg joined.vob
    joined.mkv joined_late.mkv longest.mkv
""".split()
STILL = "lost.ts still.mp4 fragments.mp4 long_still.mkv still.flv still.avi".split()


def test_all_readers_agree_on_the_length_and_probe_tells(made):
    path, _, whole = made
    info = video_frames.probe(path)
    assert info.frames == sampled.count_frames(path)
    slots = video_frames.slot(Fraction(info.duration_s).limit_denominator(10**6), 25)
    assert len(whole) == slots == sampled.count_frames(path, 25)
    spliced = path.suffix in (".ts", ".mpg", ".vob", ".ogg")
    assert (video_frames.stated(path)[2] is None) == spliced
    assert ("jumps" in info.problem) == (path.name in JUMPS), info.problem
    assert ("no frame for" in info.problem) == (path.name in STILL), info.problem
    assert not info.problem or path.name in JUMPS + STILL, info.problem
