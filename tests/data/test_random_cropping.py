"""Random crops: published boxes from published draws, and how draws are spread."""

import random

import numpy as np
import pytest
import tensorflow as tf

from i3d.data import random_cropping
from tests.helpers.crops import FRAME, RANDOM, TABLES, box, middle_of


def multi_scale(case):
    """Returns a graph from numbers to a box that learns the size of the frame when it runs."""

    @tf.function(
        input_signature=[tf.TensorSpec([2], tf.int32), tf.TensorSpec([None, 3], tf.float64)]
    )
    def boxes(frame, numbers):
        def one(row):
            crop = random_cropping.multi_scale_box(
                tuple(tf.unstack(frame)),
                case["size"],
                tf.unstack(row),
                *(case["scales"], case["max_gap"], case["places"]),
            )
            return tf.stack(crop)

        return tf.map_fn(one, numbers, fn_output_signature=tf.int32)

    return lambda numbers: boxes(case["frame"], numbers).numpy().tolist()


@pytest.mark.parametrize("case", TABLES["multi_scale"], ids=lambda c: f"{c['frame']}-{c['places']}")
def test_multi_scale_crops_are_the_published_ones(case):
    boxes, places = multi_scale(case), case["places"]
    gap, count = case["max_gap"], len(case["scales"])
    pairs = sum(abs(i - j) <= gap for i in range(count) for j in range(count))
    if places:
        every = [(middle_of(i, pairs), middle_of(j, places), 0) for i in range(pairs)
                 for j in range(places)]  # fmt: skip
        assert boxes(every) == case["candidates"]
    drawn = []
    for seed, (_, _, rows, columns) in enumerate(case["seeds"]):
        random.seed(seed)
        size = middle_of(random.choice(range(pairs)), pairs)
        if places:
            drawn.append((size, middle_of(random.choice(range(places)), places), 0))
        else:
            free = case["frame"][0] - rows, case["frame"][1] - columns
            left = middle_of(random.randint(0, free[1]), free[1] + 1)
            drawn.append((size, middle_of(random.randint(0, free[0]), free[0] + 1), left))
    assert boxes(drawn) == case["seeds"]


def test_multi_scale_side_near_the_size_is_set_to_it_unless_the_frame_is_smaller():
    def sides(frame):
        return [int(n) for n in random_cropping.multi_scale_box(frame, 224, (0, 0, 0), (1.0,))[2:]]

    assert sides((226, 300)) == [224, 224]
    assert sides((227, 300)) == [227, 227]
    assert sides((222, 300)) == [222, 224]


def test_random_resized_crops_are_the_published_ones():
    boxes = {
        ranges: tf.function(
            lambda frame, numbers, ranges=ranges: tf.stack(
                random_cropping.resized_box(tuple(tf.unstack(frame)), tf.unstack(numbers), *ranges)
            ),
            input_signature=[tf.TensorSpec([2], tf.int32), tf.TensorSpec([22], tf.float64)],
        )
        for ranges in (((0.08, 1.0), (3 / 4, 4 / 3)), ((0.5, 1.0), (0.5, 2.0)))
    }
    for height, width, seed, *expected in TABLES["random_resized"]:
        for function, published in zip(boxes.values(), expected, strict=True):
            np.random.seed(seed)
            random.seed(seed)
            numbers = list(np.random.random_sample(20))
            free = height - published[2], width - published[3]
            right = middle_of(random.randint(0, free[1]), free[1] + 1)
            down = middle_of(random.randint(0, free[0]), free[0] + 1)
            found = function([height, width], [*numbers, down, right]).numpy().tolist()
            assert found == published, (height, width, seed)


@pytest.mark.parametrize("name", RANDOM)
def test_draws_depend_on_the_seed_alone_and_stay_inside(name):
    first, again, other = ([(box(c), bool(c.flip)) for c in (RANDOM[name](FRAME, (run, seed))
                            for seed in range(30))] for run in (1, 1, 2))  # fmt: skip
    assert first == again != other
    for (top, left, rows, columns), _ in first + other:
        assert top >= 0 and left >= 0 and rows > 0 and columns > 0
        assert top + rows <= FRAME[0] and left + columns <= FRAME[1]


def test_random_crop_reaches_every_place_about_equally():
    draw = tf.function(lambda seed: random_cropping.random_crop((5, 6), 4, seed, flip_chance=0.25))
    crops = [draw(tf.constant([3, n])) for n in range(1200)]
    places = np.zeros((2, 3))
    for crop in crops:
        places[crop.top, crop.left] += 1
    assert places.min() > 150 and places.max() < 250  # 200 each; deviation 13
    assert 250 < sum(bool(crop.flip) for crop in crops) < 350  # 300; deviation 15


def test_flip_chance_of_nought_and_one():
    for seed in range(5):
        for draw in random_cropping.random_crop, random_cropping.multi_scale_crop:
            assert not draw(FRAME, 24, (0, seed), flip_chance=0).flip
            assert draw(FRAME, 24, (0, seed), flip_chance=1).flip


def test_impossible_ranges_are_refused():
    for areas, aspects in [((0, 1), (1, 1)), ((0.5, 1.1), (1, 1)), ((0.2, 0.1), (1, 1)),
                           ((0.1, 1), (0, 1)), ((0.1, 1), (2, 1))]:  # fmt: skip
        with pytest.raises(ValueError, match="^random resized crops take"):
            random_cropping.random_resized_crop(
                FRAME, (0, 0), area_range=areas, aspect_range=aspects
            )
    for wrong in {"places": 7}, {"scales": (1.0, 1.2)}, {"scales": (0.0,)}:
        with pytest.raises(ValueError, match="^multi-scale crops take"):
            random_cropping.multi_scale_crop(FRAME, 24, (0, 0), **wrong)
