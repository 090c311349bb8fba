"""Parts of videos by their times, and real videos against other readers."""

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest

from i3d.video import clock, entry
from i3d.video import frames as video_frames
from i3d.video import source as video_source
from tests.helpers.video_files import B_FRAMES, numbered, numbers, read, write


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "25", "bf": "3"}),
        ("a.mkv", "libx264", {"g": "40", "bf": "3", "x264-params": "open-gop=1"}),
        ("a.ts", "libx264", {"g": "25"}),
        ("a.webm", "libvpx-vp9", {"g": "30", "deadline": "realtime", "cpu-used": "8"}),
        ("a.avi", "mpeg4", {"g": "20"}),
        ("a.avi", "libx264", B_FRAMES),
    ],
)
@pytest.mark.parametrize("fps", [25, 12, None])
def test_range_equals_a_slice_of_the_whole(tmp_path, name, codec, options, fps):
    path = write(tmp_path / name, numbered(180), rate=30, codec=codec, options=options)
    whole = read(path, fps=fps)
    place = lambda s: math.floor(Fraction(str(s)) * fps + Fraction(1, 2))  # noqa: E731
    if fps is None:  # the first frame at or after the time
        place = lambda s: math.ceil(Fraction(str(s)) * 30)  # noqa: E731
    for start, end in ((0, 1), (0.5, 2.3), (2.2, 3.1), (4.04, 4.84), (5.2, None), (3.7, 99)):
        first, last = place(start), None if end is None else place(end)
        part = read(path, fps=fps, start_s=start, end_s=end)
        np.testing.assert_array_equal(np.stack(part), np.stack(whole[first:last]))


@pytest.mark.parametrize(
    ("name", "codec", "settings"),
    [
        ("a.mp4", "libx264", {}),
        ("a.mp4", "libx264", {"muxer": {"movflags": "frag_keyframe+empty_moov"}}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx", {}),
        ("a.avi", "mpeg4", {}),
        ("a.flv", "libx264", {}),
        ("a.ts", "libx264", {}),
        ("a.mpg", "mpeg2video", {}),
    ],
)
def test_range_is_found_without_decoding_what_is_before(
    tmp_path, monkeypatch, name, codec, settings
):
    settings["options"] = {"g": "25", "bf": "0"}
    path = write(tmp_path / name, numbered(500), codec=codec, **settings)
    decoded = []
    decode = video_source.Source.decode

    def counting(self, *skipped):
        for frame in decode(self, *skipped):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(video_source.Source, "decode", counting)
    assert len(read(path, start_s=18, end_s=18.4)) == 10
    assert len(decoded) < 75


def test_seeking_that_lands_too_late_is_undone(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", numbered(60), options={"g": "10"})
    stamp = clock.Clock.stamp
    monkeypatch.setattr(clock.Clock, "stamp", lambda self, s: stamp(self, s + Fraction(8, 10)))
    monkeypatch.setattr(entry, "MARGIN_S", 0)
    assert numbers(path, start_s=1, end_s=1.2) == [25, 26, 27, 28, 29]


def test_range_without_a_frame(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(50))
    with pytest.raises(
        video_frames.VideoError, match=r"a\.mp4: no frame from 7 s to 8 s .*2\.000 s"
    ):
        read(path, start_s=7, end_s=8)
    with pytest.raises(video_frames.VideoError, match=r"a\.mp4: no frame from 2 s to the end"):
        read(path, start_s=2)
    for start, end in ((-1, 2), (2, 2), (3, 1)):
        with pytest.raises(
            video_frames.VideoError, match=f"start_s < end_s, got {start} and {end}"
        ):
            read(path, start_s=start, end_s=end)


# ---- real videos


def real_files(folder):
    return sorted(path for path in folder.rglob("*.*") if path.suffix != ".csv")


def test_all_kinds_of_real_files(clips, capfd):
    """Each gives its length in frames or one line; what is wrong with the bad ones is known."""
    bad = {}
    for path in real_files(clips / "misc"):
        count = 0
        try:
            for frame in video_frames.read_frames(path, short_side=32):
                assert frame.dtype == np.uint8 and min(frame.shape[:2]) == 32
                count += 1
            assert abs(count - 25 * video_frames.probe(path).duration_s) <= 1, path
        except video_frames.VideoError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            bad[path.name] = count
    assert sorted(bad) == ["corrupted.mp4", "truncated60_abseiling_k400.mp4", "zero_bytes.mp4"]
    assert bad["corrupted.mp4"] > 0
    assert capfd.readouterr().err == ""


def test_avi_and_mp4_of_one_clip(clips):
    avi = list(video_frames.read_frames(clips / "ucf101/Biking/v_Biking_g02_c05.avi"))
    mp4 = list(video_frames.read_frames(clips / "misc/v_Biking_g02_c05.mp4"))
    assert len(avi) == len(mp4) == 150
    assert min(map(cv2.PSNR, avi, mp4)) >= 35


def test_real_avi_with_b_frames(clips):
    found = {}
    for path in (clips / "ut_interaction").rglob("*.avi"):
        info = video_frames.probe(path)
        found[info.timestamps_usable] = found.get(info.timestamps_usable, 0) + 1
        assert info.problem == ""
        count = sum(1 for _ in video_frames.read_frames(path, short_side=None))
        assert abs(count - 25 * info.frames / 30) <= 0.5
    assert set(found) == {False}


def test_real_truncated_avi(clips):
    path = clips / "misc/derived/truncated60_v_Biking_g02_c05.avi"
    assert len(read(path, fps=None)) == 104
    info = video_frames.probe(path)
    assert info.frames == 104 and "promises 180 frames" in info.problem


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_real_rotation_equals_another_reader(clips, degrees):
    path = clips / f"misc/video_{degrees}.mov"
    reader = cv2.VideoCapture(str(path))
    frames = read(path, fps=None)
    assert len(frames) == 3
    for frame in frames:
        other = np.ascontiguousarray(reader.read()[1][..., ::-1])
        assert frame.shape == other.shape
        assert cv2.PSNR(frame, other) >= 30


def test_real_choice_of_stream(clips):
    info = video_frames.probe(clips / "misc/nasa_13013.mp4")
    assert (info.width, info.height, info.frames) == (480, 270, 390)


def test_real_ranges_equal_slices(clips):
    for name in ("flipping_a_pancake.mkv", "baseball.mp4", "v_CricketShot_g04_c01_rgb.gif"):
        path = clips / "misc" / name
        part = read(path, start_s=2, end_s=2.4)
        np.testing.assert_array_equal(np.stack(part), np.stack(read(path)[50:60]))


def test_probe_tells_of_an_aspect_that_a_build_refuses(tmp_path):
    path = write(tmp_path / "long.mp4", numbered(3, 32, 400))
    line = "frames of 400x32 pixels; expected an aspect of at most 10:1"
    assert video_frames.probe(path).problem == line
    with pytest.raises(video_frames.VideoError, match=line):
        list(video_frames.read_frames(path))
