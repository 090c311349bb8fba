"""Pictures in records that state more pixels than their bytes can hold are not decoded."""

import time
import tracemalloc

import cv2
import numpy as np
import pytest
import tensorflow as tf

from data_prep.jpeg import jpeg
from i3d.data import read, schema
from i3d.runtime import command


def stating(data, height, width):
    """Returns a JPEG file whose frame header states another size."""
    at = data.index(b"\xff\xc0" if b"\xff\xc0" in data else b"\xff\xc2") + 5
    return data[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[at + 4 :]


def progressive():
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    return cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8), options)[1].tobytes()


GOOD = jpeg(np.zeros((64, 64, 3), np.uint8))
LARGE = {
    "20,000 a side": stating(GOOD, 20_000, 20_000),
    "progressive": stating(progressive(), 20_000, 20_000),
    "65,500 a side": stating(GOOD, 65_500, 65_500),
    "a line": stating(GOOD, 65_500, 4),
    "whole": jpeg(np.zeros((6000, 6000), np.uint8)),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_pictures_are_one_line_at_once(name):
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(read.ReadError, match="states more pixels than its bytes can hold"):
        read.rgb(LARGE[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - begin < 0.2 and peak < 1 << 20


@pytest.mark.parametrize("name", LARGE)
def test_training_refuses_them_in_one_line(name):
    data = tf.data.Dataset.from_tensors([GOOD, LARGE[name]]).map(schema.decoded_frames)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(data)
    assert command.op_error_line(caught.value) == schema.TOO_LARGE


@pytest.mark.parametrize("shape", [(16, 16), (4000, 8000), (1, 60_000)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_pictures_of_one_colour_are_read(shape, level):
    data = jpeg(np.full(shape, level, np.uint8))
    assert read.picture(data).shape == shape
    assert schema._decoded(tf.constant([data]), 1).shape == (1, *shape, 1)
