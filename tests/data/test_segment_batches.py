"""Batches of a localizer's training: which rows, which segments, the same ones again."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from i3d.data.feature_files import FeatureFiles
from i3d.data.feature_spec import FeatureSpec
from i3d.data.segment_batches import Video, padded, part, train_batches
from i3d.runtime import command
from i3d.runtime.command import UserError

SPEC = FeatureSpec(channels=2, window=16, stride=4, fps=25.0)
LENGTHS = {"a": 40, "b": 7, "c": 100}
SEGMENTS = {"a": [[10, 14], [30, 38]], "b": [], "c": [[2, 9], [50, 57]]}  # in rows


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Rows that say their number, and their video's."""
    folder = tmp_path_factory.mktemp("features")
    for video, (name, count) in enumerate(LENGTHS.items()):
        rows = np.stack([np.arange(count), np.full(count, video)], axis=1)
        np.save(folder / f"{name}.npy", rows.astype("f4"))
    return FeatureFiles(folder, SPEC)


def video(name, segments=None):
    rows = np.reshape(SEGMENTS[name] if segments is None else segments, (-1, 2))
    seconds = SPEC.grid(25.0, LENGTHS[name]).seconds(rows)
    return Video(name, np.nan, np.nan, seconds, np.arange(len(rows)) + 1)


VIDEOS = [video(name) for name in LENGTHS]


def batches(files, count=4, videos=VIDEOS, **options):
    given = {"rows": 32, "batch_size": 2, "seed": 3, "target": padded(3)} | options
    found = itertools.islice(train_batches(files, videos, **given), count)
    return [{name: value.numpy() for name, value in one.items()} for one in found]


def test_batches_have_the_rows_and_segments_of_a_part(files):
    for one in batches(files, 12):
        assert one["features"].shape == (2, 32, 2) and one["segments"].shape == (2, 3, 2)
        for rows, mask, segments, labels in zip(
            one["features"], one["mask"], one["segments"], one["labels"], strict=True
        ):
            length = mask.sum()
            assert mask[:length].all() and not rows[length:].any()
            assert (np.diff(rows[:length, 0]) == 1).all() and len(set(rows[:length, 1])) == 1
            name = "abc"[int(rows[0, 1])]
            assert length == 32 if LENGTHS[name] > 32 else 6 <= length <= 7
            assert (labels >= 0).any() == bool(SEGMENTS[name])
            for segment, label in zip(segments[labels >= 0], labels[labels >= 0], strict=True):
                start, end = SEGMENTS[name][label - 1]
                clipped = np.clip([start - rows[0, 0], end - rows[0, 0]], 0, 32)
                np.testing.assert_allclose(segment, clipped, atol=1e-4)
                assert segment[1] - segment[0] >= 0.5 * (end - start) - 1e-4


def test_a_later_start_gives_the_later_batches(files):
    whole = batches(files, 7)
    for one, other in zip(whole[4:], batches(files, 3, start_step=4), strict=True):
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name])
    other = batches(files, 7, seed=4)
    assert any((a["features"] != b["features"]).any() for a, b in zip(whole, other, strict=True))


def test_two_pipelines_share_the_batches_of_one(files):
    one = batches(files, 4, batch_size=2)
    for number in range(2):
        context = tf.distribute.InputContext(2, number, 2)
        own = batches(files, 4, batch_size=1, context=context)
        for whole, mine in zip(one, own, strict=True):
            np.testing.assert_array_equal(whole["features"][number : number + 1], mine["features"])


def test_all_parts_with_a_segment_come_alike(files):
    rng = np.random.default_rng(0)
    starts = [part(files, VIDEOS[2], 20, rng).features[0, 0] for _ in range(600)]
    enough = {s for s in range(81) for a, b in SEGMENTS["c"]
              if min(b, s + 20) - max(a, s) >= (b - a) / 2 - 1e-9}  # fmt: skip
    assert set(starts) == enough
    assert max(starts.count(s) for s in enough) < 60


def test_a_video_of_which_no_part_has_enough_is_taken_anywhere(files):
    long = video("c", [[0, 99]])
    found = part(files, long, 20, np.random.default_rng(0))
    assert len(found.features) == 20 and not len(found.segments)


def test_a_whole_video_keeps_its_segments(files):
    found = part(files, VIDEOS[0], 64, np.random.default_rng(0), crop=(1.0, 1.0))
    assert len(found.features) == 40
    np.testing.assert_allclose(found.segments, SEGMENTS["a"])
    assert found.labels.tolist() == [1, 2]


def test_segments_after_the_features_are_one_line(files):
    beyond = [video("b", [[1, 3], [11, 12]])]
    line = r"video 'b': expected segments in it, got 2.08 to 2.24 s, after the last of its 7 rows"
    with pytest.raises(UserError, match=line):
        part(files, beyond[0], 32, np.random.default_rng(0))
    with pytest.raises(tf.errors.OpError) as caught:
        batches(files, videos=beyond)
    told = command.op_error_line(caught.value)
    assert told.startswith("video 'b': expected segments in it") and told.endswith("the file")
