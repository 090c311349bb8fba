"""The records of key frames: frames around a second of a video, boxes of people, their actions.

    record = serialised(KeyFrame("clip", 902.0, fps=30.0, ...))   # bytes of one tf.train.Example
    key_frame(record).boxes                                       # float32 [N, 4]
    parsed(tensor)["actions"]                                     # in tf.data

One example is one key frame. Boxes are x1, y1, x2, y2 in [0, 1] of the picture as displayed. A
person has any number of actions, ids of the label map: `actions` holds those of all, one person
after the other, and `action_counts` how many each has.
"""

from typing import NamedTuple

import numpy as np

from i3d.data import example
from i3d.data.read import ReadError


class KeyFrame(NamedTuple):
    """One example.

    Attributes:
      id: "video,0902".
      video: its name.
      second: of the annotations.
      fps: frames per second of the stored frames.
      source_height, source_width: pixels of the video as displayed.
      frames: list of JPEG files, RGB, consecutive in time.
      centre: which of them is the key frame.
      boxes: float32 [N, 4].
      actions: N tuples of ids, from 1.
      people: N numbers of the persons; -1 where the annotations have none.
      proposals: float32 [P, 5]: box and score of a detector.
    """

    id: str
    video: str
    second: float
    fps: float
    source_height: int
    source_width: int
    frames: list[bytes]
    centre: int
    boxes: np.ndarray
    actions: tuple[tuple[int, ...], ...]
    people: tuple[int, ...]
    proposals: np.ndarray


_TEXTS = ("id", "video")
_NUMBERS = {"second": float, "fps": float, "source_height": int, "source_width": int, "centre": int}
#: All but the pictures.
WITHOUT_FRAMES = tuple(name for name in KeyFrame._fields if name != "frames") + ("action_counts",)


def serialised(key_frame: KeyFrame) -> bytes:
    """Returns the example as bytes of a tf.train.Example."""
    own = key_frame
    texts = {name: [getattr(own, name).encode()] for name in _TEXTS}
    numbers = {name: kind(getattr(own, name)) for name, kind in _NUMBERS.items()}
    return example.encoded(
        texts
        | numbers
        | {
            "frames": own.frames,
            "boxes": np.asarray(own.boxes, np.float32).reshape(-1),
            "action_counts": tuple(map(len, own.actions)),
            "actions": tuple(action for actions in own.actions for action in actions),
            "people": tuple(own.people),
            "proposals": np.asarray(own.proposals, np.float32).reshape(-1),
        }
    )


def key_frame(data: bytes | memoryview, with_frames: bool = True) -> KeyFrame:
    """Returns the KeyFrame of the bytes that `serialised` made.

    Args:
      data: bytes, or a memoryview of which nothing is read but what is asked for.
      with_frames: whether the pictures are wanted; else `frames` is empty.

    Raises:
      ReadError: they are something else; it says what, not where.
    """
    try:
        values = example.decoded(data, None if with_frames else WITHOUT_FRAMES)
    except example.ExampleError:
        raise ReadError("not a tf.train.Example") from None
    kinds = dict.fromkeys(_TEXTS, bytes) | _NUMBERS
    wrong = [n for n, kind in kinds.items() if [type(v) for v in values.get(n, [])] != [kind]]
    if wrong:
        raise ReadError(f"expected one value for {wrong[0]}, as `build_detection` writes it")
    single = {name: values[name][0] for name in kinds}
    single |= {name: single[name].decode(errors="backslashreplace") for name in _TEXTS}
    single["second"] = round(single["second"], 3)
    counts, actions = values.get("action_counts", []), values.get("actions", [])
    people, frames = tuple(values.get("people", [])), values.get("frames", [])
    boxes, proposals = (_table(values, n, m) for n, m in (("boxes", 4), ("proposals", 5)))
    if not (len(counts) == len(people) == len(boxes) and min(counts, default=1) >= 0):
        raise ReadError(f"{single['id']}: expected as many boxes as persons and action counts")
    if sum(counts) != len(actions):
        raise ReadError(f"{single['id']}: expected {sum(counts)} actions, got {len(actions)}")
    if with_frames and not 0 <= single["centre"] < len(frames):
        raise ReadError(
            f"{single['id']}: expected the key frame {single['centre']} among its frames, got "
            f"{len(frames)} frames"
        )
    ends = np.cumsum(counts, dtype=int).tolist()
    each = tuple(tuple(actions[e - n : e]) for n, e in zip(counts, ends, strict=True))
    return KeyFrame(
        **single, frames=frames, boxes=boxes, actions=each, people=people, proposals=proposals
    )


def _table(values, name, columns):
    """Returns float32 [N, columns] of a feature."""
    numbers = np.array(values.get(name, []), np.float32)
    if len(numbers) % columns or not np.isfinite(numbers).all():
        raise ReadError(f"expected rows of {columns} numbers for {name}")
    return numbers.reshape(-1, columns)


def parsed(record):
    """Returns an example in tf.data, its pictures still encoded.

    Args:
      record: scalar string tensor, as `serialised` made it.

    Returns:
      {"id", "video": string, "second": float32, "centre": int64, "frames": string [T], "boxes":
      float32 [N, 4], "action_counts", "people": int64 [N], "actions": int64 [A], "proposals":
      float32 [P, 5]}.
    """
    import tensorflow as tf

    def many(dtype, *shape):
        return tf.io.FixedLenSequenceFeature(shape, dtype, allow_missing=True)

    features = {name: tf.io.FixedLenFeature([], tf.string) for name in _TEXTS}
    features |= {
        "second": tf.io.FixedLenFeature([], tf.float32),
        "centre": tf.io.FixedLenFeature([], tf.int64),
        "frames": many(tf.string),
        "boxes": many(tf.float32, 4),
        "action_counts": many(tf.int64),
        "actions": many(tf.int64),
        "people": many(tf.int64),
        "proposals": many(tf.float32, 5),
    }
    return tf.io.parse_single_example(record, features)
