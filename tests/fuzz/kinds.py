"""Every kind of file that the product reads from others: how a good one is made, who reads it."""

from i3d.data import tfrecord
from tests.fuzz import (
    array_kinds,
    data_kinds,
    detection_kinds,
    keyframe_kinds,
    segment_kinds,
    text_kinds,
    video_kinds,
    weight_kinds,
)
from tests.fuzz.harness import Kind

KINDS: tuple[Kind, ...] = (
    *text_kinds.KINDS,
    *array_kinds.KINDS,
    *weight_kinds.KINDS,
    *data_kinds.KINDS,
    *keyframe_kinds.KINDS,
    *detection_kinds.KINDS,
    *segment_kinds.KINDS,
    *video_kinds.KINDS,
)


def prepare():
    """Imports and compiles what the kinds use, before processes are forked."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    tfrecord.masked_crc(b"")
