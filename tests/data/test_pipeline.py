"""Records to batches: order, resuming, sharing out, what is decoded, views, masks, errors."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from i3d.data import cropping, pipeline, random_cropping, read, sampling, schema
from i3d.data import stored as data
from i3d.runtime.command import op_error_line
from i3d.spec import WHOLE, InputSpec
from tests.helpers.records import HEIGHT, example, write


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """101 records in 4 shards of different lengths."""
    records = [example(f"video {n}", n % 7) for n in range(101)]
    shards = [records[:1], records[1:40], records[40:73], records[73:]]
    return write(tmp_path_factory.mktemp("many"), shards)


def train(records, batch_size=8, seed=3, frames=2, **options):
    return pipeline.train_batches(
        records,
        lambda count, rng: sampling.dense_clip(count, frames, rng=rng),
        lambda frame, seed: random_cropping.random_crop(frame, 12, seed),
        12,
        batch_size,
        seed,
        **options,
    )


def spec(records, frames=2, clips=1, crops=1, crop=12, resize=HEIGHT, **others):
    views = {"clips": clips, "crops": crops, "crop": crop, "resize": resize}
    return InputSpec(records.streams[-1], frames, **views, **others)


def evaluate(records, batch_size=8, context=None, **views):
    return pipeline.eval_batches(records, spec(records, **views), batch_size, context=context)


def taken(batches, count=-1):
    return list(batches.take(count).as_numpy_iterator())


def assert_equal(batches, others):
    assert len(batches) == len(others) > 0
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name], err_msg=name)


def context(pipelines, index, replicas):
    return tf.distribute.InputContext(pipelines, index, replicas)


def test_two_runs_are_equal_and_a_resumed_one_goes_on(many):
    run = taken(train(many), 16)  # beyond the first epoch
    assert_equal(taken(train(many), 16), run)
    for step in (1, 13):
        assert_equal(taken(train(many, start_step=step), 16 - step), run[step:])


def test_another_seed_is_another_order(many):
    first, second = (next(iter(train(many, seed=seed)))["record"].numpy() for seed in (0, 1))
    assert (first != second).any()


def test_every_epoch_has_every_record_once_in_its_own_order(many):
    records = np.concatenate([batch["record"] for batch in taken(train(many), 26)])
    epochs = records[:101], records[101:202]
    for epoch in epochs:
        assert sorted(epoch) == list(range(101))
    assert (epochs[0] != epochs[1]).any()
    moved = np.abs(np.argsort(epochs[0]) - np.arange(101)).mean()
    assert 20 < moved < 50  # a third of 101 for a fair shuffle


def test_labels_belong_to_their_records(many):
    for batch in taken(train(many), 3):
        np.testing.assert_array_equal(batch["label"], batch["record"] % 7)


def test_late_steps_cost_nothing(many):
    batch = next(iter(train(many, start_step=10**9)))
    assert batch["rgb"].shape == (8, 2, 12, 12, 3)


@pytest.mark.long
@pytest.mark.parametrize("pipelines, replicas", [(2, 2), (3, 3), (1, 2), (2, 4)])
def test_a_step_is_the_same_however_it_is_shared_out(many, pipelines, replicas):
    expected = {}
    for batch in taken(train(many, batch_size=12), 10):
        for number, clip in zip(batch["record"], batch["rgb"], strict=True):
            expected.setdefault(number, []).append(clip.tobytes())
    found = {}
    for index in range(pipelines):
        shared = train(many, batch_size=12 // replicas, context=context(pipelines, index, replicas))
        for batch in taken(shared, 10 * replicas // pipelines):
            for number, clip in zip(batch["record"], batch["rgb"], strict=True):
                found.setdefault(number, []).append(clip.tobytes())
    assert found.keys() == expected.keys()
    assert all(sorted(found[number]) == sorted(expected[number]) for number in found)


@pytest.mark.long
def test_first_step_of_two_workers_is_that_of_one(many):
    one = taken(train(many, batch_size=8, start_step=4), 1)[0]["record"]
    two = [
        taken(train(many, batch_size=4, start_step=4, context=context(2, i, 2)), 1)[0]["record"]
        for i in (0, 1)
    ]
    assert sorted(np.concatenate(two)) == sorted(one)


def test_rgb_and_flow_have_the_same_time_place_and_mirror(tmp_path):
    records = write(tmp_path, [[example(f"video {n}", num_frames=12) for n in range(8)]])
    mirrored, starts = set(), set()
    for batch in taken(train(records, frames=3), 4):
        rgb, flow = batch["rgb"].astype(int), batch["flow"].astype(int)
        for clip, (x, y) in zip(rgb, np.moveaxis(flow, -1, 1), strict=True):
            flipped = clip[0, 0, 0, 0] > clip[0, 0, -1, 0]
            assert np.abs(clip[..., 0] - y).max() <= 4
            assert np.abs(clip[..., 0] - (256 - x if flipped else x)).max() <= 4
            assert (np.diff(clip.mean((1, 2, 3))) > 3).all()  # frames in order, 4 levels a frame
            mirrored.add(bool(flipped))
            starts.add(round(clip.mean()))
    assert mirrored == {True, False} and len(starts) > 8


def test_only_what_is_sampled_is_decoded(tmp_path):
    shard = [example(f"video {n}", num_frames=9, broken=(0, 1, 5, 6, 7)) for n in range(4)]
    records = write(tmp_path, [shard])

    def sample(count, rng):
        return tf.constant([[2, 3, 4]]) + 0 * tf.cast(count, tf.int32)

    batches = pipeline.train_batches(
        records, sample, lambda frame, seed: cropping.center_crop(frame, 12), 12, 4, 0
    )
    assert taken(batches, 2)[1]["flow"].shape == (4, 3, 12, 12, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="JPEG|image"):
        taken(train(records, frames=8), 1)


def test_pictures_are_decoded_as_opencv_does(built):
    place = next(read.videos(read.opened(built["whole"]), ["train"]))
    (segment,) = read.segments(place)
    frames = schema.decoded_frames(tf.constant(segment.frames))
    flow = schema.decoded_flow(tf.constant(segment.flow))
    np.testing.assert_array_equal(frames, [read.rgb(file) for file in segment.frames])
    expected = np.stack([read.flow(file) for file in segment.flow])
    px = (np.float32(flow) - schema.FLOW_ZERO) * np.float32(schema.FLOW_BOUND_PX / 127)
    np.testing.assert_allclose(px, expected, atol=1e-5)


def test_crops_of_another_size_are_resized(many):
    batches = pipeline.train_batches(
        many,
        lambda count, rng: sampling.train_clips(count, 3, 1, 1, rng),
        lambda frame, seed: random_cropping.random_resized_crop(frame, seed),
        20,
        2,
        0,
    )
    assert taken(batches, 1)[0]["rgb"].shape == (2, 3, 20, 20, 3)


@pytest.mark.parametrize(
    "pipelines, replicas",
    [
        (1, 1),
        *(pytest.param(*both, marks=pytest.mark.long) for both in ((2, 2), (3, 3), (1, 3), (2, 4))),
    ],
)
def test_every_video_counts_once(many, pipelines, replicas):
    counted, rows = collections.Counter(), 0
    for index in range(pipelines):
        batches = taken(evaluate(many, context=context(pipelines, index, replicas)))
        for batch in batches:  # of all replicas of a pipeline together
            assert len(batch["mask"]) == 8 * (replicas // pipelines)
            rows += len(batch["mask"])
            counted.update(batch["id"][batch["mask"]])
            assert not batch["flow"][~batch["mask"]].any()
            for id, label in zip(batch["id"][batch["mask"]], batch["label"], strict=False):
                assert int(id.split()[1]) % 7 == label
    assert counted == {b"video %d" % number: 1 for number in range(101)}
    assert rows < 101 + pipelines * 8 * (replicas // pipelines)


@pytest.mark.long
def test_more_pipelines_than_records(tmp_path):
    records = write(tmp_path, [[example("a"), example("b")]])
    batches = [taken(evaluate(records, context=context(5, index, 5))) for index in range(5)]
    ids = [batch["id"][batch["mask"]] for found in batches for batch in found]
    assert sorted(np.concatenate(ids)) == [b"a", b"b"]


def test_views_are_clips_by_crops(many):
    """Of 16x24 pixels: squares of 16 at the left, the right and the middle."""
    batches = taken(evaluate(many, batch_size=6, clips=2, frames=2, crops=3, crop=16).take(3))
    for number, batch in enumerate(batches):
        assert set(batch["id"]) == {b"video %d" % number}
        assert batch["view"].tolist() == list(range(6))
        level = batch["flow"].mean((1, 2, 3, 4)).reshape(2, 3)
        np.testing.assert_allclose(level - level[:, :1], [[0, 16, 8]] * 2, atol=1)  # 2 a column
        np.testing.assert_allclose(level[1] - level[0], 4, atol=1)  # the next frame


def test_frames_are_resized_before_they_are_cropped(many):
    small = taken(evaluate(many, batch_size=1, resize=12, crops=3, crop=12).take(3))
    for batch, crop in zip(small, ("left", "right", "middle"), strict=True):
        assert batch["flow"].shape == (1, 2, 12, 12, 2), crop
    levels = [batch["flow"].mean() for batch in small]  # 12x18: a column is 2 * 24 / 18 levels
    np.testing.assert_allclose(np.array(levels) - levels[0], [0, 16, 8], atol=1)


@pytest.mark.long
@pytest.mark.parametrize("streams", [("rgb",), ("flow",)])
def test_segments_are_one_video_again(built, streams):
    whole, cut = (data.opened(built[name], "train", streams) for name in ("whole", "cut"))
    assert cut.num_records > 2 * whole.num_records
    options = {"batch_size": 5, "clips": 4, "frames": 8, "resize": 48}
    expected = taken(evaluate(whole, **options))
    assert_equal(taken(evaluate(cut, **options)), expected)
    assert sum(batch["mask"].sum() for batch in expected) == 9 * 4


@pytest.mark.long
@pytest.mark.parametrize("pipelines", [2, 5])
def test_segments_are_not_torn_by_pipelines(built, pipelines):
    records = data.opened(built["cut"], "train", ("rgb",))
    counted = collections.Counter()
    for index in range(pipelines):
        for batch in taken(evaluate(records, context=context(pipelines, index, pipelines))):
            counted.update(batch["id"][batch["mask"]])
    assert len(counted) == 9 and set(counted.values()) == {1}


@pytest.mark.parametrize("stream, less", [("rgb", 0), ("flow", 1)])
def test_whole_videos(built, stream, less):
    """All frames in order, as long as the video is; the frame that segments share comes once."""
    records = data.opened(built["cut"], "train", (stream,))
    whole = {"clips": WHOLE, "crop": 40, "resize": 48}
    lengths = [b[stream].shape[1] for b in taken(evaluate(records, 1, **whole))]
    assert sorted(lengths) == [count - less for count in range(20, 29)]
    clips = [b for b in taken(evaluate(records, 1, **whole, longest=10))]
    parts = collections.defaultdict(list)
    for clip in clips:
        parts[clip["id"][0]].append(clip[stream].shape[1])
    assert sorted(sum(part) for part in parts.values()) == sorted(lengths)
    assert all(max(part) <= 10 and max(part) - min(part) <= 1 for part in parts.values())
    assert all(len(part) == -(-sum(part) // 10) for part in parts.values())
    with pytest.raises(ValueError, match="unknown length cannot be batched by 2"):
        evaluate(records, 2, **whole)


def line(error):
    told = op_error_line(error.value)
    assert "\n" not in told and "[[" not in told
    return told


@pytest.mark.long
@pytest.mark.parametrize("harm", ["flipped", "cut off", "gone"])
def test_unreadable_shard_is_named(tmp_path, harm):
    records = write(tmp_path, [[example("a"), example("b")], [example("c"), example("d")]])
    shard = tmp_path / "shard1"
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    if harm == "gone":
        shard.unlink()
    else:
        shard.write_bytes(content if harm == "flipped" else content[:-300])
    for batches in (train(records), evaluate(records)):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            taken(batches, 1)
        assert line(error).startswith(f"{shard}: damaged, gone or cut off: cannot read record ")


def test_label_out_of_range(tmp_path):
    records = write(tmp_path, [[example("far", label=7)]])
    for batches in (train(records), evaluate(records)):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            taken(batches, 1)
        assert line(error) == "far: expected a label from 0 to 6, got 7"


def test_several_labels_come_as_the_classes_that_a_video_has(tmp_path):
    """Also of a video in several records, of several views, and where a batch is filled up."""
    records = [example("a", (6, 0)), example("b", (3,)), example("b", (3,)), example("c", (1, 2))]
    records = write(tmp_path, [records[:2], records[2:]], multi_label=True)
    own = {"a": [0, 6], "b": [3], "c": [1, 2], "": []}
    for batch in taken(evaluate(records, batch_size=4, clips=3, frames=1)):
        found = [np.flatnonzero(truth).tolist() for truth in batch["label"]]
        assert batch["label"].shape == (4, 7)
        assert found == [own[id.decode()] for id in batch["id"]]
    (batch,) = taken(train(records, batch_size=4), 1)
    order = [own[id] for id in "abbc"]
    found = [np.flatnonzero(truth).tolist() for truth in batch["label"]]
    assert found == [order[number] for number in batch["record"]]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ((0, 7), "expected a label from 0 to 6, got 0 7"),
        ((-1,), "expected a label from 0 to 6, got -1"),
        ((), "expected labels, got none"),
        (3, "expected labels, got none"),
    ],
)
def test_several_labels_out_of_range(tmp_path, label, words):
    records = write(tmp_path, [[example("far", label)]], multi_label=True)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        taken(train(records), 1)
    assert line(error) == f"far: {words}"


def test_flow_that_does_not_fit_its_frames(tmp_path):
    records = write(tmp_path, [[example("one", num_frames=1)]])
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        taken(train(records), 1)
    assert line(error) == "one: expected one flow field less than frames, got 0 and 1"


def test_a_record_without_frames(tmp_path):
    records = write(tmp_path, [[example("none", num_frames=0)]], streams=("rgb",))
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        taken(train(records), 1)
    assert line(error) == "none: has no frames"


def test_frames_smaller_than_the_crop(many):
    batches = evaluate(many, crop=17)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        taken(batches, 1)
    assert line(error).startswith("a crop of 17x17 (height x width) needs frames at least")


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"start_step": -1}, {"read_mb": 0}])
def test_arguments_out_of_range(many, wrong):
    with pytest.raises(ValueError, match="^expected size, batch_size and read_mb of at least 1"):
        train(many, **wrong)


@pytest.mark.long
def test_a_part_of_the_records(many):
    """Neither training nor a test sees one of the others."""
    assert data.labels(many) == [(f"video {n}", (n % 7,)) for n in range(101)]
    chosen = [0, 1, 40, 72, 100]
    part = many.part(chosen)
    assert part.num_records == 5 and part.num_bytes < many.num_bytes / 10
    again = many.part(range(50)).part(chosen)  # of a part: the numbers are those of the split
    assert (again.chosen, again.num_bytes) == (part.chosen, part.num_bytes)
    (seen,) = taken(evaluate(part, batch_size=5))
    assert [id.decode() for id in seen["id"]] == [f"video {n}" for n in chosen]
    labels = np.concatenate([batch["label"] for batch in taken(train(part, batch_size=5), 3)])
    assert sorted(labels.tolist()) == sorted(3 * [n % 7 for n in chosen])


def test_labels_of_damaged_shards(many):
    with pytest.raises(data.DatasetError, match="expected 2 records, got 1"):
        data.labels(dataclasses.replace(many, lengths=(2, *many.lengths[1:])))


def test_clips_of_an_image_repeat_its_frame_cut_and_mirrored_alike(tmp_path):
    records = write(
        tmp_path, [[example("image", 0, 1), example("another", 1, 1)]], streams=("rgb",)
    )
    for batch in [*taken(train(records, 2, frames=8), 3), *taken(evaluate(records, 2, frames=8))]:
        (clips,) = (value for value in batch.values() if value.ndim >= 5)
        frames = clips.reshape(-1, 8, *clips.shape[-3:])
        assert frames.std() > 0
        np.testing.assert_array_equal(frames, np.repeat(frames[:, :1], 8, axis=1))
