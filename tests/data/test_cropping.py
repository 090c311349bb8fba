"""Fixed crops: published boxes, the same in tf.data, and frames that are too small."""

import numpy as np
import pytest
import tensorflow as tf

from i3d.data import augment, cropping, random_cropping
from tests.helpers.crops import FRAME, TABLES, box, noise, through_dataset


@pytest.mark.parametrize("case", TABLES["crops"], ids=lambda c: f"{c['frame']}-{c['size']}")
def test_fixed_crops_are_the_published_ones(case):
    frame, size = tuple(case["frame"]), case["size"]
    rows, columns = size if isinstance(size, list) else (size, size)
    if rows > frame[0] or columns > frame[1]:
        for crops in cropping.center_crop, cropping.three_crops, cropping.ten_crops:
            with pytest.raises(ValueError, match=r"^a crop of 256x256 .* got 224x224: resize"):
                crops(frame, size)
        return
    assert box(cropping.center_crop(frame, size)) == case["center"]
    ten = cropping.ten_crops(frame, size)
    assert [box(crop) for crop in ten] == [b for b in case["ten"] for _ in range(2)]
    assert [crop.flip for crop in ten] == [False, True] * 5
    if case["three"] is None:
        with pytest.raises(ValueError, match=r"^three crops of .* need .* that width, got"):
            cropping.three_crops(frame, size)
    else:
        assert [box(crop) for crop in cropping.three_crops(frame, size)] == case["three"]


# In tf.data, with sizes unknown.


@pytest.mark.parametrize("channels, dtype", [(3, np.uint8), (2, np.uint8), (3, "f4"), (2, "f4")])
def test_views_are_the_same_in_tf_data(channels, dtype):
    def views(clip):
        frame = augment.frame_size(clip)
        every = (cropping.center_crop(frame, 24),), cropping.ten_crops(frame, 24)
        whole = cropping.three_crops(frame, FRAME[0])
        return tuple(
            tf.stack([augment.cut(clip, crop) for crop in crops]) for crops in (*every, whole)
        )

    clip = tf.constant(noise(channels, dtype))
    eager, mapped = views(clip), through_dataset(views, clip)
    for one, other, (count, size) in zip(eager, mapped, ((1, 24), (10, 24), (3, 40)), strict=True):
        assert one.shape == (count, 3, size, size, channels)
        assert one.dtype == clip.dtype
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(eager[0][0], clip[:, 8:32, 14:38])
    np.testing.assert_array_equal(eager[1][6], clip[:, 16:, 28:])  # lower right
    if channels == 3:
        np.testing.assert_array_equal(eager[1][7], eager[1][6][:, :, ::-1])
    np.testing.assert_array_equal(eager[2][1], clip[:, :, 12:])  # right, then middle
    np.testing.assert_array_equal(eager[2][2], clip[:, :, 6:46])


# Mistakes.


SMALL = {
    "center": lambda frame: cropping.center_crop(frame, (24, 60)),
    "ten": lambda frame: cropping.ten_crops(frame, (24, 60))[3],
    "random": lambda frame: random_cropping.random_crop(frame, (24, 60), (0, 0)),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_frame_smaller_than_the_crop_is_one_clear_line(name):
    line = "a crop of 24x60 .height x width. needs frames at least that large, got 40x52: resize"
    with pytest.raises(ValueError, match=f"^{line} them first$"):
        SMALL[name](FRAME)
    with pytest.raises(tf.errors.InvalidArgumentError, match=line):
        through_dataset(
            lambda clip: augment.cut(clip, SMALL[name](augment.frame_size(clip))),
            tf.constant(noise()),
        )
    with pytest.raises(ValueError, match=line):  # a graph that knows: when it is built
        tf.function(lambda: SMALL[name](FRAME))()


def test_three_crops_that_leave_a_gap_are_refused_in_tf_data_too():
    def crop(clip):
        return augment.cut(clip, cropping.three_crops(augment.frame_size(clip), 24)[0])

    with pytest.raises(tf.errors.InvalidArgumentError, match="three crops of 24x24 .* got 40x52"):
        through_dataset(crop, tf.constant(noise()))
