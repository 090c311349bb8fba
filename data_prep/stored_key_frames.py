"""Finds key frames in a data set, and draws their boxes on them.

own = found(data, ["train"], "clip,0902")          # keyframe_schema.KeyFrame
for picture in pictures(own, data.class_names):
    ...                                            # uint8 [H, W, 3]
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from i3d.data import keyframe_schema, read, shards, tfrecord
from i3d.data.keyframe_schema import KeyFrame
from i3d.detection import ava
from i3d.detection.ava import NO_PERSON
from i3d.visual import people


def ids(data: read.Dataset, splits: Iterable[str]) -> Iterator[str]:
    """Yields the ids of all key frames of these splits.

    Raises:
      ReadError: while iterating, where a record is damaged.
    """
    for _, own in _records(data, splits):
        yield own.id


def found(data: read.Dataset, splits: Iterable[str], id: str) -> tuple[KeyFrame, str]:
    """Returns the KeyFrame of an id and its split.

    Raises:
      ReadError: there is none, and the line names the nearest; or a record is damaged.
    """
    seen = []
    for shard, own in _records(data, splits):
        if own.id == id:
            return own, shard.split
        seen.append(own.id)
    video = (ava.of_key(id) or (id,))[0]
    near = difflib.get_close_matches(id, [own for own in seen if own.startswith(f"{video},")], 1, 0)
    near = near or difflib.get_close_matches(id, seen, 1, cutoff=0)
    hint = f"the nearest is {near[0]!r}" if near else "it holds none"
    raise read.ReadError(f"no key frame has the id {id!r}; {hint}")


def pictures(own: KeyFrame, class_names: Sequence[str]) -> Iterator[np.ndarray]:
    """Yields the frames, uint8 RGB [H, W, 3], each with the key frame's people and their ids."""
    drawn = [
        people.Drawn(
            box,
            None if person == NO_PERSON else person,
            [(_name(action, class_names), None) for action in actions],
        )
        for box, person, actions in zip(own.boxes, own.people, own.actions, strict=True)
    ]
    for jpeg in own.frames:
        yield people.drawn(read.rgb(jpeg), drawn)


def _name(action, class_names):
    known = 0 < action <= len(class_names) and class_names[action - 1]
    return known or f"id {action}"


def _records(data, splits):
    """Yields (Shard, KeyFrame)."""
    for split in splits:
        shards.check_whole(data, split)
        for shard in data.shards[split]:
            for record in tfrecord.read(shard.path):
                try:
                    if record.problem:
                        raise read.ReadError(record.problem)
                    yield shard, keyframe_schema.key_frame(record.data)
                except read.ReadError as error:
                    where = f"{shard.path}: {read.at(record)}"
                    raise read.ReadError(f"{where}: {error}") from error
