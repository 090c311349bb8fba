"""Frames, crops and colours of training examples, as the configuration asks for them."""

import dataclasses

import numpy as np
import pytest

from i3d import spec as input_spec
from i3d.data import color, pipeline, rand_augment, random_cropping
from i3d.training import augmentation, config
from tests.helpers.crops import box
from tests.helpers.records import example, write

SEGMENTS = {"segments": 4, "frames": 1, "size": 12}


def data_of(**values):
    settings = config.defaults()
    for key, value in values.items():
        settings.data[key] = value
    config.check(settings)
    return settings


def drawn(count, seed=0, **values):
    settings = data_of(**values)
    spec = input_spec.of_settings(config.flat(settings), 256, 25.0)
    sample = augmentation.sampler(settings.data, dataclasses.replace(spec, clips=1))
    return np.ravel(sample(count, np.random.default_rng(seed))).tolist()


def test_frames_are_sampled_as_asked():
    lower = {"frame_of_segment": "lower_middle", "sampling": "test"}
    assert drawn(40, **SEGMENTS, sampling="test") == [5, 15, 25, 35]
    assert drawn(40, **SEGMENTS, **lower) == [4, 14, 24, 34]
    assert drawn(3, **SEGMENTS, **lower) == [0, 0, 1, 2]
    for seed in range(20):
        assert drawn(5, seed, **SEGMENTS, sampling="ticks")[:3] == [0, 1, 2]  # of 1, 1, 1 and 2
    assert drawn(20, frames=4, stride=2, sampling="test") == [6, 8, 10, 12]


def test_multi_scale_crops_have_the_places_asked_for():
    frame = (256, 340)
    for places in (0, 5, 13):
        data = data_of(crop="multi_scale", crop_places=places).data
        ours = augmentation.crop(data)
        for seed in range(20):
            expected = random_cropping.multi_scale_crop(frame, 224, (1, seed), places=places)
            assert box(ours(frame, (1, seed))) == box(expected)


def test_pixels_change_in_the_published_order(monkeypatch):
    assert augmentation.change_frames(data_of().data) is None
    assert augmentation.change_crop(data_of().data) is None
    done = []
    monkeypatch.setattr(rand_augment, "changed", lambda clip, rng, *how: done.append(how) or clip)
    for name in ("jittered", "grayscale"):
        monkeypatch.setattr(
            color, name, lambda clip, rng, chance, name=name: done.append((name, chance)) or clip
        )
    data = data_of(rand_augment=(2, 9), color_jitter=0.8, grayscale=0.2).data
    for change in (augmentation.change_frames(data), augmentation.change_crop(data)):
        change(np.zeros((1, 2, 2, 3), np.uint8), np.random.default_rng(0))
    assert done == [(2, 9), ("jittered", 0.8), ("grayscale", 0.2)]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    shard = [example(f"video {n}", n % 7, num_frames=9) for n in range(8)]
    return write(tmp_path_factory.mktemp("records"), [shard], streams=("rgb",))


def batches(records, start_step=0, count=6, **values):
    data = data_of(**SEGMENTS, sampling="ticks", crop="multi_scale", crop_places=13, **values).data
    found = pipeline.train_batches(
        records,
        augmentation.sampler(data, None),
        augmentation.crop(data),
        12,
        2,
        seed=3,
        change_frames=augmentation.change_frames(data),
        change_crop=augmentation.change_crop(data),
        start_step=start_step,
    )
    return [batch["rgb"] for batch in found.take(count).as_numpy_iterator()]


@pytest.mark.long
def test_equal_runs_and_resumed_ones_see_equal_pixels(records):
    how = {"rand_augment": (2, 9), "color_jitter": 0.8, "grayscale": 0.2}
    run = batches(records, **how)
    np.testing.assert_array_equal(batches(records, **how), run)
    np.testing.assert_array_equal(batches(records, 4, 2, **how), run[4:])
    plain = batches(records)
    assert run[0].shape == plain[0].shape == (2, 4, 12, 12, 3) and run[0].dtype == np.uint8
    differing = [(one != other).any() for one, other in zip(run, plain, strict=True)]
    assert all(differing)
    assert len({clip.tobytes() for batch in run for clip in batch}) == 12


def test_places_are_changed_by_their_own_draws(records):
    numbers = []

    def change(clip, rng):
        numbers.append(rng.random())
        return clip

    data = data_of(**SEGMENTS, sampling="ticks").data
    found = pipeline.train_batches(
        records, augmentation.sampler(data, None), augmentation.crop(data), 12, 4, 0,
        change_frames=change, change_crop=change,
    )  # fmt: skip
    next(iter(found))
    assert len(numbers) >= 8 and len(set(numbers)) == len(numbers)
