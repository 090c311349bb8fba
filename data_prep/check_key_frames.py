"""Checks the records of key frames: boxes, actions, numbers of frames, pictures.

check_record(data, found, record)                  # adds to check.Found
"""

from data_prep import pictures
from i3d.data import keyframe_schema, read
from i3d.detection import boxes


def check_record(data, found, record):
    """Adds a tfrecord.Record of a data set of key frames to what was found.

    Args:
      data: read.Dataset.
      found: check.Found of its shard.
      record: tfrecord.Record.
    """
    where = f"{found.shard.path.name}: {read.at(record)}"
    try:
        if record.problem:
            raise read.ReadError(record.problem)
        own = keyframe_schema.key_frame(record.data)
        where += f", {own.id}"
        if own.id in found.videos:
            raise read.ReadError("this key frame came before")
        actions = tuple(action for each in own.actions for action in each)
        found.videos[own.id] = read.Place(own.id, found.shard, record.number), actions
        found.frames += len(own.frames)
        size = read.picture(own.frames[0]).shape[:2]
        _check_people(data, own)
        _check_frames(data, own, size)
        pictures.check("frame", own.frames, (*size, 3))
    except read.ReadError as error:
        found.problems.append(f"{where}: {error}")


def _check_people(data, own):
    last = len(data.class_names)
    for actions in own.actions:
        if wrong := [action for action in actions if not 1 <= action <= last]:
            raise read.ReadError(f"expected actions from 1 to {last}, got {wrong[0]}")
        if not actions:
            raise read.ReadError("expected an action of each person, got none")
    for name, found in (("box", own.boxes), ("proposal", own.proposals[:, :4])):
        if wrong := boxes.problem(found):
            raise read.ReadError(f"{name} {wrong[0]}: {wrong[1]}")


def _check_frames(data, own, size):
    if not data.recipe:
        return
    reach = data.recipe.reach
    if own.centre > reach or len(own.frames) - own.centre > reach + 1:
        raise read.ReadError(
            f"expected at most {reach} frames on either side of the key frame, as build.json says; "
            f"got {own.centre} and {len(own.frames) - own.centre - 1}"
        )
    if abs(own.fps - data.recipe.fps) > 1e-3:
        expected = f"expected {data.recipe.fps:g} frames per second, as build.json says"
        raise read.ReadError(f"{expected}; got {own.fps:g}")
    if min(size) != data.recipe.short_side:
        expected = f"expected a shorter side of {data.recipe.short_side}, as build.json says"
        raise read.ReadError(f"{expected}; got {size[0]} x {size[1]}")
