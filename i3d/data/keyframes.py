"""Opens and reads data sets of key frames, for spatio-temporal action detection.

    records = keyframes.opened("data/ava", "train")
    batches = keyframes.train_batches(
        records, frames=4, stride=16, size=256, batch_size=8, seed=0, start_step=1200,
        frame_jitter=True, box_jitter=0.05)            # "clips", "boxes", "actions", "counted"
    for item in keyframes.eval_batches(val, card.spec, boxes="proposals"):
        item["views"], item["boxes"]                   # uint8 [T, H, W, 3], float32 [N, 4]

Only sampled frames are decoded. Clips leave as uint8.
"""

import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from i3d.data import (
    augment,
    cropping,
    keyframe_boxes,
    keyframe_schema,
    pipeline,
    read,
    sampling,
    schema,
    shards,
    stored,
    tfrecord,
)
from i3d.data.metadata import DatasetError
from i3d.spec import InputSpec

LEAST_SCORE = 0.9  # of a proposal that is evaluated; MMAction2's person_det_score_thr


@dataclasses.dataclass(frozen=True)
class KeyFrames:
    """One split of a data set of key frames.

    Attributes:
      folder: of the data set.
      files: paths of the shards, those without records left out.
      lengths: number of records of each; a record is a key frame.
      num_bytes: of all shards.
      label_map: {id: name}.
      fps: of stored frames.
      short_side: of stored frames, pixels.
      reach: how many frames are stored on either side of a key frame.
    """

    folder: str
    files: tuple[str, ...]
    lengths: tuple[int, ...]
    num_bytes: int
    label_map: dict[int, str]
    fps: float
    short_side: int
    reach: int

    @property
    def num_records(self) -> int:
        """Number of key frames."""
        return sum(self.lengths)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of id k at k - 1, "" where the label map leaves it out."""
        return tuple(self.label_map.get(k, "") for k in range(1, max(self.label_map) + 1))


def opened(folder: str | os.PathLike, split: str) -> KeyFrames:
    """Returns the KeyFrames of a split; looks at metadata, names of files and lengths of records.

    Raises:
      DatasetError: there is no such data set, split or shard, it holds videos, or a record is of a
        length that cannot be.
    """
    data = read.opened(folder, (read.KEY_FRAMES,))
    if data.recipe is None:
        raise DatasetError(f"{data.folder}: has no build.json, which tells frame rate and reach")
    shards.check_split(data, split)
    files, lengths, num_bytes = stored.whole_shards(data, split)
    label_map = {k: name for k, name in enumerate(data.class_names, start=1) if name}
    own = data.recipe
    return KeyFrames(
        str(folder), files, lengths, num_bytes, label_map, own.fps, own.short_side, own.reach
    )


def truths(records: KeyFrames) -> Iterator[keyframe_schema.KeyFrame]:
    """Yields all KeyFrames without their pictures, in the order of the records.

    Raises:
      DatasetError: a shard is damaged.
    """
    for file, length in zip(records.files, records.lengths, strict=True):
        number = 0
        try:
            for data in tfrecord.views(file):
                yield keyframe_schema.key_frame(data, with_frames=False)
                number += 1
        except (read.ReadError, OSError) as error:
            raise DatasetError(f"{file}: damaged, record {number}; {stored.VERIFY}") from error
        if number != length:
            raise DatasetError(f"{file}: expected {length} records, got {number}; {stored.VERIFY}")


def train_batches(
    records: KeyFrames,
    *,
    frames: int,
    stride: int,
    size: int,
    scale: tuple[int, int] = (256, 320),
    batch_size: int,
    seed: int,
    start_step: int = 0,
    frame_jitter: bool = False,
    box_jitter: float = 0.0,
    classes: tuple[int, ...] = (),
    most_boxes: int = 32,
    proposal_iou: float = 0.9,
    flip: float = 0.5,
    read_mb: int = 512,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Returns an infinite tf.data.Dataset of random crops, one of each key frame per epoch.

    Everything random depends on the seed and on an element's place in the order alone, as in
    pipeline.train_batches: `start_step` resumes a run exactly.

    Args:
      records: KeyFrames.
      frames, stride: of a clip; its frame frames // 2 is the key frame. Indices beyond what is
        stored are those of the first or last frame.
      size: height and width of a crop, pixels.
      scale: least and greatest short side that pictures are resized to before they are cropped;
        `size` where that is more.
      batch_size: of one replica.
      seed: int of 32 bits.
      start_step: number of the first step; a step is a batch for each replica.
      frame_jitter: whether each frame is moved by from -(stride // 2) to (stride - 1) // 2.
      box_jitter: each side of a box is moved by up to this part of its width or height.
      classes: ids to learn, which become the columns 0, 1, ...; (): all, id k in column k - 1.
        People without any of them are left out.
      most_boxes: M, of a crop.
      proposal_iou: overlap from which on a proposal has the labels of a person.
      flip: chance that a crop is mirrored.
      read_mb, context: as for pipeline.train_batches.

    Returns:
      Dataset of {"clips": uint8 [B, T, size, size, 3], "boxes": float32 [B, M, 4] in [0, 1] of the
      crop, "actions": bool [B, M, K], "counted": bool [B, M], False for rows that only fill up}.
      People of whom less than a pixel is within the crop are left out.

    Raises:
      ValueError: an argument is out of range.
      DatasetError: fewer frames are stored than a clip needs.
    """
    context = context or tf.distribute.InputContext()
    _check_numbers(size, scale, batch_size, start_step, box_jitter, most_boxes)
    check_reach(records, frames, stride)
    columns = keyframe_boxes.Columns.of(classes, max(records.label_map))
    start = start_step * batch_size * context.num_replicas_in_sync

    @tf.autograph.experimental.do_not_convert
    def example(place, number):
        rng = sampling.StatelessRandom(tf.stack([tf.constant(seed, tf.int64), place]))
        item = _item(records, number)
        people = keyframe_boxes.labelled(item, columns, proposal_iou)
        if box_jitter:
            people = people.jittered(box_jitter, rng)
        indices = _indices(item, frames, stride, rng if frame_jitter else None)
        clip = schema.decoded_frames(tf.gather(item["frames"], indices))
        side = tf.maximum(rng.integers(scale[0], scale[1] + 1, 1)[0], size)
        clip = augment.resize_to_side(clip, tf.cast(side, tf.float64))
        crop = _random_crop(augment.frame_size(clip), size, flip, rng)
        seen = people.seen_in(crop, size).chosen(most_boxes, rng)
        return {"clips": augment.cut(clip, crop)} | seen

    order = pipeline.order(records.num_records, seed, start)
    mine = order.shard(context.num_input_pipelines, context.input_pipeline_id)
    calls = pipeline.calls_at_once(records, read_mb)
    examples = mine.map(example, calls, deterministic=True)
    return pipeline.finished(examples.batch(batch_size, drop_remainder=True))


def eval_batches(
    records: KeyFrames,
    spec: InputSpec,
    boxes: str = "truth",
    *,
    read_mb: int = 512,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Returns a finite tf.data.Dataset of all key frames in the order of the records, one each.

    Args:
      records: KeyFrames.
      spec: InputSpec of whole pictures (crop=0): frames, stride, resize.
      boxes: "truth", or "proposals": those of a score of 0.9 or more, else the best one, else the
        whole picture.
      read_mb: as for pipeline.train_batches.
      context: every num_input_pipelines-th key frame is of this pipeline.

    Returns:
      Dataset of {"id", "video": string, "second": float32, "views": uint8 [T, H, W, 3], "boxes":
      float32 [N, 4] in [0, 1], "scores": float32 [N], and what is known of the key frame: "truth":
      float32 [G, 4], "actions": bool [G, K], id k in column k - 1, "people": int64 [G]}.

    Raises:
      ValueError: boxes is neither, or the spec asks for crops.
      DatasetError: fewer frames are stored than a clip needs, or at another rate.
    """
    if boxes not in ("truth", "proposals") or spec.crop:
        raise ValueError(f"expected truth or proposals and crop 0, got {boxes!r}, {spec.crop}")
    check_reach(records, spec.frames, spec.stride)
    if spec.fps and abs(spec.fps - records.fps) > 1e-3:
        raise DatasetError(
            f"{records.folder}: expected frames at {spec.fps:g} per second, these were stored at "
            f"{records.fps:g}; build it with --fps={spec.fps:g}"
        )
    context = context or tf.distribute.InputContext()
    columns = keyframe_boxes.Columns.of((), max(records.label_map))

    @tf.autograph.experimental.do_not_convert
    def example(number):
        item = _item(records, number)
        indices = _indices(item, spec.frames, spec.stride)
        clip = schema.decoded_frames(tf.gather(item["frames"], indices))
        found = item["boxes"], tf.ones(tf.shape(item["boxes"])[:1])
        if boxes == "proposals":
            found = keyframe_boxes.detected(item["proposals"], LEAST_SCORE)
        return {
            **{name: item[name] for name in ("id", "video", "second", "people")},
            "views": augment.resize_to_side(clip, spec.resize, spec.interpolation),
            "boxes": found[0],
            "scores": found[1],
            "truth": item["boxes"],
            "actions": keyframe_boxes.actions_of(item, columns),
        }

    numbers = tf.data.Dataset.range(records.num_records)
    mine = numbers.shard(context.num_input_pipelines, context.input_pipeline_id)
    calls = pipeline.calls_at_once(records, read_mb)
    return pipeline.finished(mine.map(example, calls, deterministic=True))


def check_reach(records: KeyFrames, frames: int, stride: int) -> None:
    """Raises DatasetError where a clip reaches beyond the frames that are stored."""
    needed = frames // 2 * stride
    if needed > records.reach:
        raise DatasetError(
            f"{records.folder}: clips of {frames} frames at a stride of {stride} need {needed} "
            f"frames on either side of a key frame, {records.reach} are stored; build it with "
            f"--reach={needed} or more"
        )


def _check_numbers(size, scale, batch_size, start_step, box_jitter, most_boxes):
    if min(size, batch_size, most_boxes, scale[0]) < 1 or start_step < 0 or scale[0] > scale[1]:
        raise ValueError(
            "expected size, batch_size, most_boxes and a rising scale of at least 1 and start_step "
            f"of at least 0, got {size}, {batch_size}, {most_boxes}, {scale} and {start_step}"
        )
    if not 0 <= box_jitter < 0.5:
        raise ValueError(f"expected box_jitter from 0 to less than 0.5, got {box_jitter}")


def _item(records, number):
    """Returns keyframe_schema.parsed of a record, checked."""
    item = stored.parsed(records, number, keyframe_schema.parsed)
    people, count = tf.shape(item["boxes"])[0], tf.size(item["frames"], tf.int64)
    agree = (people == tf.size(item["action_counts"])) & (people == tf.size(item["people"]))
    agree &= tf.reduce_sum(item["action_counts"]) == tf.size(item["actions"], tf.int64)
    agree &= tf.reduce_all(item["action_counts"] >= 0)
    agree &= (item["centre"] >= 0) & (item["centre"] < count)
    text = ": its boxes, actions and frames do not fit together; ", stored.VERIFY
    with tf.control_dependencies([stored.stop_unless(agree, item["id"], *text)]):
        return {name: tf.identity(value) for name, value in item.items()}


def _indices(item, frames, stride, rng=None):
    """Returns the indices of a clip, int64 [T]; with `rng` each is moved at random."""
    places = (np.arange(frames) - frames // 2) * stride + item["centre"]
    if rng is not None:
        places += rng.integers(-(stride // 2), (stride + 1) // 2, frames)
    return tf.clip_by_value(places, 0, tf.size(item["frames"], tf.int64) - 1)


def _random_crop(frame, size, flip, rng):
    """Returns a cropping.Crop of size x size of frames that are at least as large."""
    height, width = frame
    top = rng.integers(0, height - size + 1, 1)[0]
    left = rng.integers(0, width - size + 1, 1)[0]
    mirrored = rng.uniform(0, 1, 1)[0] < flip
    return cropping.Crop(
        frame, tf.cast(top, tf.int32), tf.cast(left, tf.int32), size, size, mirrored
    )
