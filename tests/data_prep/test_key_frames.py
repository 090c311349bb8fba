"""Records of the key frames of a video: which frames are stored, in bounded memory."""

import numpy as np
import pytest

from data_prep import key_frames as key_frame_records
from data_prep import shards
from data_prep.jpeg import jpeg
from data_prep.key_frames import Annotated, KeyFrameItem
from i3d.data import keyframe_schema
from i3d.data.build_settings import KeyFrameSettings
from i3d.video import frames as video_frames
from tests.helpers.videos import texture_frames, write_video

RECIPE = KeyFrameSettings(fps=30, short_side=32, reach=6)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """75 frames of three seconds."""
    folder = tmp_path_factory.mktemp("video")
    return str(write_video(folder / "a.mp4", texture_frames(75)))


def item(path, *seconds):
    return KeyFrameItem("a", path, tuple(Annotated(second, second) for second in seconds))


def made(item, recipe=RECIPE):
    """Returns (the KeyFrames of the item, frames of each that were new, what was left out)."""
    left = key_frame_records.examples(item, recipe)
    found, new = [], []
    while True:
        try:
            data, frames = next(left)
        except StopIteration as end:
            return found, new, end.value
        found.append(keyframe_schema.key_frame(data))
        new.append(frames)


def test_each_key_frame_has_the_frames_around_it(video):
    found, new, left = made(item(video, 0.0, 0.1, 1.0, 2.9))
    frames = [jpeg(frame) for frame in video_frames.read_frames(video, 30, 32)]
    assert len(frames) == 90 and left == ""
    for own, place in zip(found, (0, 3, 30, 87), strict=True):
        begin, end = max(0, place - 6), min(90, place + 7)
        assert own.frames == frames[begin:end] and own.centre == place - begin
    assert new == [7, 3, 13, 9]  # those far from key frames are not stored


def test_a_late_key_frame_is_read_from_there(video, monkeypatch):
    asked = []
    read = video_frames.read_frames
    monkeypatch.setattr(
        video_frames, "read_frames", lambda *args: asked.append(args[3:]) or read(*args)
    )
    (own,), _, _ = made(item(video, 2.0))
    assert asked == [(pytest.approx(54 / 30), pytest.approx(67 / 30))]
    frames = [jpeg(frame) for frame in read(video, 30, 32)]
    assert own.frames == frames[54:67]


def test_rates_that_are_no_whole_numbers(video):
    recipe = KeyFrameSettings(fps=30000 / 1001, short_side=32, reach=6)
    (own,), _, _ = made(item(video, 2.0), recipe)
    frames = [jpeg(frame) for frame in video_frames.read_frames(video, 30000 / 1001, 32)]
    assert own.frames == frames[54:67] and own.centre == 6


def test_key_frames_beyond_the_end_are_told(video):
    found, _, left = made(item(video, 1.0, 3.0, 8.5))
    assert [own.id for own in found] == ["a,0001"]
    assert left == (
        "key frames beyond the end of the video, 3.00 s: 2 of 3, the first at second 3; left out"
    )
    with pytest.raises(video_frames.VideoError, match="end of the video, 3.00 s: 1 of 1"):
        made(item(video, 3.0))
    with pytest.raises(video_frames.VideoError, match="no frame from"):
        made(item(video, 903.0))


def test_start_s_is_told_where_the_second_is_another(video):
    late = KeyFrameItem("a", video, (Annotated(901.0, 1.0), Annotated(909.0, 9.0)))
    found, _, left = made(late)
    assert [own.second for own in found] == [901.0] and found[0].id == "a,0901"
    assert "the first at second 909, 9 s of the file" in left


def test_a_shard_lists_what_was_left_out(video, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    task = shards.ShardTask(
        str(tmp_path / "shard"), str(tmp_path / "report"),
        (item(video, 1.0, 5.0), item(str(bad), 1.0), item(video, 2.0)), RECIPE,
    )  # fmt: skip
    report = shards.write_shard(task)
    assert report["examples"] == 2
    reasons = [failure["reason"] for failure in report["failures"]]
    assert len(reasons) == 2 and "1 of 2, the first at second 5; left out" in reasons[0]
    with pytest.raises(shards.BadVideoError, match="beyond the end"):
        shards.write_shard(task.__class__(**{**vars(task), "strict": True}))


def test_memory_holds_the_frames_around_a_key_frame(video, monkeypatch):
    """However far apart key frames are, no more than 2 * reach + 1 pictures are kept."""
    alive = []
    monkeypatch.setattr(key_frame_records, "jpeg", lambda picture: alive.append(1) or b"x")
    made_ones = list(key_frame_records.examples(item(video, 0.5, 2.5), RECIPE))
    assert len(made_ones) == 2 and len(alive) == 26 and np.sum([n for _, n in made_ones]) == 26
