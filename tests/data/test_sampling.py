"""Sampling: published indices, edges of short and long videos, and the same in a graph."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from i3d.data import sampling
from tests.golden import mmaction

GOLDEN = mmaction.read("sampling.json.gz")
OUTSIDE = {"loop": sampling.loop, "repeat_last": sampling.repeat_last, None: sampling.loop}


class Legacy:
    """The draws that the golden indices were made with."""

    def __init__(self, seed):
        self._random = np.random.RandomState(seed)
        self.uniform = self._random.uniform

    def integers(self, low, high, size):
        return self._random.randint(low, high, size)


def ours(sampler, case, **options):
    sizes = (case[key] for key in ("total_frames", "num_clips", "clip_len", "frame_interval"))
    indices = sampler(*sizes, outside=OUTSIDE[case.get("out_of_bound_opt")], **options)
    return (indices.reshape(-1) + case.get("start_index", 0)).tolist()


def cases(version, mode):
    return [case for case in GOLDEN[version] if case["mode"] == mode]


@pytest.mark.parametrize("version", ["sample_frames_0x", "sample_frames_1x"])
def test_training_indices_are_the_published_ones(version):
    assert len(cases(version, "train")) == 480
    for case in cases(version, "train"):
        options = {
            "keep_tail": case.get("keep_tail_frames", False),
            "jitter": case.get("temporal_jitter", False),
        }
        found = ours(sampling.train_clips, case, rng=Legacy(case["seed"]), **options)
        assert found == case["frame_inds"], case


def test_testing_indices_of_0x_are_the_published_ones():
    assert len(cases("sample_frames_0x", "test")) == 312
    for case in cases("sample_frames_0x", "test"):
        found = ours(sampling.eval_clips_0x, case, twice=case["twice_sample"])
        short = case["total_frames"] < case["clip_len"] * case["frame_interval"]
        repeats = 2 if short and case["twice_sample"] else 1  # the documented deviation
        assert found == repeats * case["frame_inds"], case


def test_testing_indices_of_1x_are_the_published_ones():
    compared = failed = 0
    for case in cases("sample_frames_1x", "test"):
        if "target_fps" in case:
            ratio = (case["avg_fps"] or case["target_fps"]) / case["target_fps"]
            found = ours(sampling.eval_clips_at_fps, case, fps_ratio=ratio)
        elif isinstance(case["frame_inds"], str):  # the original divides by zero
            with pytest.raises(ValueError, match="expected num_clips of 2 or more"):
                ours(sampling.eval_clips_1x, case, twice=case["twice_sample"])
            failed += 1
            continue
        else:
            found = ours(sampling.eval_clips_1x, case, twice=case["twice_sample"])
        assert found == case["frame_inds"], case
        compared += 1
    assert (compared, failed) == (354, 48)


def test_dense_indices_are_the_published_ones():
    assert len(GOLDEN["dense"]) == 72
    for case in GOLDEN["dense"]:
        window = {"window": case["sample_range"]}
        if case["mode"] == "train":
            found = ours(sampling.dense_train_clips, case, rng=Legacy(case["seed"]), **window)
        else:
            number = case["num_sample_positions"]
            found = ours(sampling.dense_eval_clips, case, num_windows=number, **window)
        assert found == case["frame_inds"], case


@pytest.mark.parametrize("num_windows", [1, 2, 10, 25, 50])
def test_windows_are_numpy_linspace(num_windows):
    for num_frames in range(64, 1000):
        found = sampling.dense_eval_clips(num_frames, 1, 1, 1, num_windows=num_windows)
        expected = np.linspace(0, num_frames - 64, num_windows, dtype=int)
        np.testing.assert_array_equal(found[:, 0], expected)


@pytest.mark.parametrize(
    ("num_frames", "length", "stride", "expected"),
    [
        (1, 4, 1, [0, 0, 0, 0]),
        (3, 8, 1, [0, 1, 2, 0, 1, 2, 0, 1]),  # shorter than the clip: looped
        (7, 4, 2, [0, 2, 4, 6]),  # as long as the clip
        (8, 4, 2, [0, 2, 4, 6]),  # one frame longer: the centre rounds down
        (9, 4, 2, [1, 3, 5, 7]),
        (10_000, 4, 1, [4998, 4999, 5000, 5001]),
    ],
)
def test_centred_clip(num_frames, length, stride, expected):
    found = sampling.dense_clip(num_frames, length, stride)
    assert found.dtype == np.int64 and found.tolist() == [expected]
    np.testing.assert_array_equal(found, sampling.eval_clips_1x(num_frames, 1, length, stride))


def test_clip_that_runs_past_the_end_can_hold_its_last_frame():
    found = sampling.dense_clip(5, 4, 2, outside=sampling.repeat_last)
    assert found.tolist() == [[0, 2, 4, 4]]


def test_random_clip_starts_everywhere_it_fits_equally_often():
    rng = np.random.default_rng(0)
    clips = np.concatenate([sampling.dense_clip(10, 3, 3, rng) for _ in range(4000)])
    np.testing.assert_array_equal(clips - clips[:, :1], np.tile([0, 3, 6], (4000, 1)))
    assert np.bincount(clips[:, 0]).tolist() == pytest.approx([1000] * 4, abs=120)
    # One frame longer than the clip: two starts.
    starts = {int(sampling.dense_clip(65, 64, rng=rng)[0, 0]) for _ in range(50)}
    assert starts == {0, 1}


def test_long_video_is_reached_to_its_end():
    starts = [sampling.dense_clip(10_000, 64, rng=np.random.default_rng(i)) for i in range(200)]
    assert 9_800 < np.max(starts) <= 9_999 and np.min(starts) < 200
    assert sampling.eval_clips_1x(10_000, 3, 64, 1)[:, [0, -1]].tolist() == [
        [0, 63],
        [4968, 5031],
        [9936, 9999],
    ]


def test_segments_of_tsn():
    assert sampling.eval_clips_0x(30, 3, 1, 1).tolist() == [[5], [15], [25]]
    drawn = [sampling.train_clips(30, 3, 1, 1, np.random.default_rng(i)) for i in range(300)]
    for segment in range(3):
        found = {int(clip[segment, 0]) for clip in drawn}
        assert found == set(range(10 * segment, 10 * segment + 10))


def test_more_clips_than_starts_are_random_and_in_order():
    """70 frames leave 7 starts for 10 clips of 64."""
    drawn = [sampling.train_clips(70, 10, 8, 8, np.random.default_rng(i)) for i in range(50)]
    starts = np.array(drawn)[..., 0]
    assert set(starts.ravel()) == set(range(7)) and (np.diff(starts) >= 0).all()
    assert len({tuple(row) for row in starts}) > 40


SAMPLERS = {
    "dense_clip": lambda n, rng: sampling.dense_clip(n, 16, 3, rng),
    "dense_clip centred": lambda n, rng: sampling.dense_clip(
        n, 16, 3, outside=sampling.repeat_last
    ),
    "train_clips": lambda n, rng: sampling.train_clips(n, 8, 5, 3, rng, jitter=True),
    "train_clips keep_tail": lambda n, rng: sampling.train_clips(n, 7, 2, 1, rng, keep_tail=True),
    "eval_clips_0x": lambda n, rng: sampling.eval_clips_0x(n, 25, 1, 1, twice=True),
    "eval_clips_1x": lambda n, rng: sampling.eval_clips_1x(n, 25, 8, 2),
    "eval_clips_1x frames": lambda n, rng: sampling.eval_clips_1x(n, 7, 1, 1),
    "eval_clips_at_fps": lambda n, rng: sampling.eval_clips_at_fps(n, 10, 13, 6, 25 / 30),
    "dense_train_clips": lambda n, rng: sampling.dense_train_clips(n, 8, 2, 1, rng),
    "lower_middles": lambda n, rng: sampling.lower_middles(n, 25),
    "frames_within_ticks": lambda n, rng: sampling.frames_within_ticks(n, 7, rng),
    "dense_eval_clips": lambda n, rng: sampling.dense_eval_clips(n, 8, 2, 1, num_windows=25),
}


class Replayed:
    """One list of uniform draws, for numpy and for graphs."""

    def __init__(self):
        self._random = np.random.default_rng(0)

    def integers(self, low, high, size):
        draws = self._random.integers(0, 2**40, size)  # whole numbers: exact in both
        return draws % (high - low) + low

    def uniform(self, low, high, size):
        return self._random.random(size) * (high - low) + low


@pytest.mark.parametrize("name", SAMPLERS)
def test_graph_gives_the_same_indices_as_numpy(name):
    """Also that every index is inside the video: numpy is right, and the graph's optimiser too."""
    sampler = SAMPLERS[name]
    counts = [*range(1, 500), 9_999, 10_000, 123_457]
    dataset = tf.data.Dataset.from_tensor_slices(np.int32(counts))
    dataset = dataset.map(lambda count: sampler(count, Replayed()))
    for count, found in zip(counts, dataset.as_numpy_iterator(), strict=True):
        expected = sampler(count, Replayed())
        assert expected.dtype == found.dtype == np.int64
        assert expected.min() >= 0 and expected.max() < count
        np.testing.assert_array_equal(found, expected, str(count))


def test_the_graph_optimiser_leaves_divisions_alone():
    """It runs on tf.function; 70 * (1 / 25) instead of 70 / 25 would move a frame."""
    signature = [tf.TensorSpec((), tf.int32)]
    frames = tf.function(lambda n: sampling.eval_clips_0x(n, 25, 1, 1), signature)
    spread = tf.function(lambda n: sampling.eval_clips_1x(n, 26, 4, 1), signature)
    for count in range(1, 400):
        np.testing.assert_array_equal(frames(count), sampling.eval_clips_0x(count, 25, 1, 1))
        np.testing.assert_array_equal(spread(count), sampling.eval_clips_1x(count, 26, 4, 1))


def test_every_sampler_is_compared_in_a_graph():
    public = {n for n, f in vars(sampling).items() if inspect.isfunction(f) and n[0] != "_"}
    assert public - {"loop", "repeat_last", "numpy_of", "rounded"} == {
        name.split()[0] for name in SAMPLERS
    }


def graph_starts(base_seed, parallel):
    def start(i):
        rng = sampling.StatelessRandom(tf.stack([tf.constant(base_seed, tf.int64), i]))
        clips = sampling.train_clips(tf.constant(400), 2, 1, 4, rng, jitter=True)
        return clips[:, 0], rng.uniform(0.0, 2.0, 3)

    dataset = tf.data.Dataset.range(1000).map(start, num_parallel_calls=parallel)
    starts, uniform = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.array(starts), np.array(uniform)


def test_stateless_draws_repeat_for_a_seed_and_cover_their_range():
    starts, uniform = graph_starts(7, 1)
    np.testing.assert_array_equal(starts, graph_starts(7, 4)[0])
    assert (starts != graph_starts(8, 1)[0]).any(axis=1).mean() > 0.95
    assert starts[:, 0].min() < 10 and 190 < starts[:, 0].max() < 201
    assert abs(np.corrcoef(starts.T)[0, 1]) < 0.1  # one element's draws are unlike each other
    assert uniform.min() >= 0 and uniform.max() < 2 and abs(uniform.mean() - 1) < 0.05


def test_draws_of_two_numbers_as_seed_repeat_but_not_from_call_to_call():
    first, second = (sampling.StatelessRandom((3, 4)) for _ in range(2))
    draws = [first.integers(0, 1000, 5).numpy() for _ in range(2)]
    np.testing.assert_array_equal(second.integers(0, 1000, 5), draws[0])
    assert (draws[0] != draws[1]).any()


@pytest.mark.parametrize("num_frames", [0, -1, np.array(0)])
def test_empty_video_is_refused(num_frames):
    with pytest.raises(ValueError, match="expected a video of at least 1 frame"):
        sampling.dense_clip(num_frames, 4)


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="got num_clips=0, length=8, stride=2"):
        sampling.eval_clips_1x(30, 0, 8, 2)
    with pytest.raises(TypeError):
        sampling.dense_clip(30.0, 8)
