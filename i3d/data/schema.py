"""Defines the record format, and the ranges and units of frames and flow.

    from i3d.data import schema
    clip = schema.rgb_to_unit(frames)                   # uint8 -> [-1, 1]
    levels = schema.flow_to_levels(field)               # pixels per frame -> uint8 [2 H, W]
    record = schema.serialised(id="a", label=0, ...)    # bytes of one tf.train.Example
    frames = schema.decoded_frames(schema.parsed(record)["frames"][:64])       # in tf.data

One example is one video, or one segment of a long one. TensorFlow is imported by the functions
that need it, so that preprocessing workers stay light.
"""

import numpy as np

from i3d.data import example
from i3d.runtime import flow_levels
from i3d.runtime.image_size import MAX_PIXELS

FLOW_BOUND_PX = flow_levels.BOUND_PX  # flow beyond this many pixels per frame is clipped
FLOW_ZERO = flow_levels.ZERO  # the level of no motion, exactly
JPEG_QUALITY = 95  # of frames and flow
MAX_SEGMENT_S = 60.0  # longer videos are stored as several examples
TOO_LARGE = "a picture that states more pixels than its bytes can hold"
_MOST_PER_BYTE = 128


def rgb_to_unit(frames):
    """Returns frames as float32 in [-1, 1].

    Args:
      frames: uint8 [..., 3], 0..255.

    Source: kinetics-i3d README (range of the RGB input).
    """
    return np.asarray(frames, np.float32) / np.float32(127.5) - np.float32(1)


def flow_to_unit(fields):
    """Returns flow as float32 in [-1, 1]: clipped at FLOW_BOUND_PX, then divided by it.

    Args:
      fields: float [..., 2], pixels per frame, x then y.

    Source: Carreira & Zisserman 2017, arXiv:1705.07750; kinetics-i3d README (bound, range).
    """
    clipped = np.clip(np.asarray(fields, np.float32), -FLOW_BOUND_PX, FLOW_BOUND_PX)
    return clipped / np.float32(FLOW_BOUND_PX)


def flow_to_levels(field):
    """Returns a flow field as the grey image that is stored: uint8 [2 H, W], x over y.

    level = 128 + round(v * 127 / 20), v clipped at 20 px; so zero motion is exactly 128 and one
    level is 0.157 px. MediaPipe's quantiser truncates, which shifts flow by -0.08 px.

    Args:
      field: float [H, W, 2], pixels per frame, x then y.
    """
    levels = flow_levels.pixels_to_levels(field)
    return np.concatenate([levels[..., 0], levels[..., 1]])


def levels_to_flow(levels):
    """Returns the flow field float32 [H, W, 2] (pixels per frame) of a stored [2 H, W] image."""
    levels = np.asarray(levels)
    height = levels.shape[0] // 2
    both = np.stack([levels[:height], levels[height:]], axis=-1)
    return flow_levels.levels_to_pixels(both)


def serialised(*, id, label, fps, start_s, source_height, source_width, frames, flow=None):
    """Returns one example as bytes of a tf.train.Example, those that TensorFlow would write.

    Args:
      id: name of the video, the same for all segments of it.
      label: index of the class; in a data set of several labels the tuple of their indices.
      fps: frames per second of the stored frames.
      start_s: where the segment starts, seconds from the start of what was read of the video.
      source_height, source_width: pixels of the video as displayed.
      frames: list of N JPEG files (bytes), RGB.
      flow: list of N - 1 JPEG files, grey, as flow_to_levels; None where there is no flow.
    """
    several = isinstance(label, tuple)
    features = {
        "id": [id.encode()],
        **({"labels": label} if several else {"label": int(label)}),
        "fps": float(fps),
        "start_s": float(start_s),
        "source_height": int(source_height),
        "source_width": int(source_width),
        "frames": frames,
    }
    return example.encoded(features if flow is None else features | {"flow": flow})


def parsed(record, with_flow=False, multi_label=False):
    """Returns what training reads of one example, its pictures still encoded.

    Args:
      record: scalar string tensor, as `serialised` made it.
      with_flow: whether flow is wanted.
      multi_label: whether it is of a data set of several labels.

    Returns:
      {"id": string, "label": int64 or with multi_label "labels": int64 [L], "frames": string [N],
      and with_flow "flow": string [N - 1]}.
    """
    import tensorflow as tf

    pictures = tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True)
    features = {"id": tf.io.FixedLenFeature([], tf.string), "frames": pictures}
    if multi_label:
        features["labels"] = tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)
    else:
        features["label"] = tf.io.FixedLenFeature([], tf.int64)
    if with_flow:
        features["flow"] = pictures
    return tf.io.parse_single_example(record, features)


def most_pixels(num_bytes, minimum=min):
    """Returns the most pixels that a stored picture of so many bytes can have.

    What is written has at most 85 a byte, where all of the picture is of one colour. Other JPEG
    files could have any number, and a few bytes would be decoded for minutes.
    """
    return minimum(_MOST_PER_BYTE * num_bytes, MAX_PIXELS)


def decoded_frames(jpegs):
    """Returns stored frames, a string tensor [T] of JPEG files, as uint8 [T, H, W, 3]."""
    return _decoded(jpegs, 3)


def decoded_flow(jpegs):
    """Returns stored flow, a string tensor [T] of JPEG files, as uint8 levels [T, H, W, 2]."""
    import tensorflow as tf

    x, y = tf.split(tf.cast(_decoded(jpegs, 1)[..., 0], tf.uint16), 2, axis=1)
    return tf.bitcast(x + y * 256, tf.uint8)  # low byte first; three times as fast as tf.stack


def _decoded(jpegs, channels):
    import tensorflow as tf

    def decoded(jpeg):
        pixels = tf.reduce_prod(tf.cast(tf.io.extract_jpeg_shape(jpeg)[:2], tf.int64))
        most = most_pixels(tf.cast(tf.strings.length(jpeg), tf.int64), tf.minimum)
        fits = tf.raw_ops.Assert(condition=pixels <= most, data=[TOO_LARGE])  # None if eager
        with tf.control_dependencies([fits] if fits is not None else []):
            # As OpenCV decodes; TensorFlow's default is off by a level here and there.
            return tf.io.decode_jpeg(tf.identity(jpeg), channels, dct_method="INTEGER_ACCURATE")

    picture = tf.TensorSpec([None, None, channels], tf.uint8)
    return tf.map_fn(decoded, jpegs, fn_output_signature=picture)
