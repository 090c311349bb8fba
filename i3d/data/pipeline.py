"""The tf.data pipelines of training and evaluation; only sampled frames are decoded.

    records = stored.opened("data/ucf101", "train", ("rgb", "flow"), flow_method="tvl1")
    batches = train_batches(
        records,
        sample=lambda count, rng: sampling.dense_clip(count, 64, rng=rng),
        crop=lambda frame, seed: random_cropping.random_crop(frame, 224, seed),
        size=224, batch_size=6, seed=0, start_step=1200)

Clips leave as uint8, flow in the levels of `i3d.data.schema`: i3d.models.preprocessing converts
them on the device (a quarter of the bytes to batch and to copy).
"""

import os

import tensorflow as tf

from i3d.data import augment, cropping, sampling, schema, stored, view_sampling

_DECODERS = {"rgb": schema.decoded_frames, "flow": schema.decoded_flow}
_FIELDS = {"rgb": "frames", "flow": "flow"}
_BATCHES_AHEAD = 2
_FOREVER = 2**62


def train_batches(
    records,
    sample,
    crop,
    size,
    batch_size,
    seed,
    *,
    change_frames=None,
    change_crop=None,
    start_step=0,
    read_mb=512,
    context=None,
):
    """Returns an infinite tf.data.Dataset of random clips, one of each record per epoch.

    Each epoch is another permutation of all records, drawn from the seed; nothing is buffered to
    shuffle, since records are read in the order drawn. Epochs follow each other without a gap, so
    every batch is full. Everything random depends on the seed and on an element's place in the
    order alone: equal calls give equal batches, `start_step` costs nothing, and the elements of a
    step over all replicas are the same however many input pipelines share them out.

    Args:
      records: stored.Records. A long video counts once per segment.
      sample: (num_frames int32 tensor, sampling.StatelessRandom) -> int64 indices, T in all, in
        any shape. num_frames is the number of fields where flow is read, so that frame and field
        of an index are a pair.
      crop: ((height, width), seed int64 [2]) -> cropping.Crop, drawn once for all streams.
      size: what is cut is resized to size x size where it is not yet.
      batch_size: of one replica.
      seed: int of 32 bits.
      change_frames, change_crop: functions (uint8 RGB [T, H, W, 3], numpy.random.Generator) ->
        uint8 [T, H, W, 3] that change the pixels of a clip before and after it is cropped; None
        leaves them.
      start_step: number of the first step; a step is a batch for each replica.
      read_mb: MB that the serialised records being read may take, by their mean size; at least
        one is read, at most one per processor. As many decoded clips are in memory, and 3 batches.
      context: tf.distribute.InputContext; None for one pipeline and one replica.

    Returns:
      Dataset of {"rgb": uint8 [B, T, size, size, 3], "flow": uint8 [B, T, size, size, 2] (those
      of records.streams), "label": as stored.video has it, of each, "record": int64 [B], its
      number in the split}.

    Raises:
      ValueError: batch_size, start_step or read_mb is out of range.
    """
    context = context or tf.distribute.InputContext()
    _check_sizes(size, batch_size, start_step, read_mb)
    start = start_step * batch_size * context.num_replicas_in_sync

    @tf.autograph.experimental.do_not_convert  # it would warn of callers' lambdas
    def example(place, number):
        place_seed = tf.stack([tf.constant(seed, tf.int64), place])
        video = stored.video(records, number)
        indices = tf.reshape(
            sample(_indexable(records, video), sampling.StatelessRandom(place_seed)), [-1]
        )
        files = {name: tf.gather(video[_FIELDS[name]], indices) for name in records.streams}
        decoded = _changed(_decoded(files), change_frames, (seed, place, 0))
        clips = _cut(decoded, lambda frame: [crop(frame, place_seed)], size)
        clips = {name: clip[0] for name, clip in clips.items()}
        clips = _changed(clips, change_crop, (seed, place, 1))
        return clips | {"label": video["label"], "record": number}

    mine = order(records.num_records, seed, start)
    mine = mine.shard(context.num_input_pipelines, context.input_pipeline_id)
    examples = mine.map(example, calls_at_once(records, read_mb), deterministic=True)
    return finished(examples.batch(batch_size, drop_remainder=True))


def eval_batches(records, spec, batch_size, *, read_mb=512, context=None):
    """Returns a finite tf.data.Dataset of all views of all videos, in the order of the records.

    A view is one clip (or all segments) of one crop. The segments of a long video are one video
    again: frames are numbered through it, the frame that two segments share once. Memory holds,
    for each of the records read at once, one segment and the sampled JPEG files of a video, and
    the decoded frames of one clip: it does not grow with the length of a video. Each record is
    read twice (first to learn how long its video is), which shows against decoding only where
    little of it is sampled.

    Args:
      records, read_mb, context: as for `train_batches`. Each pipeline takes the videos that begin
        in its part of the records, so numbers of batches may differ between pipelines.
      spec: InputSpec of the views. Frames are resized to spec.crop_side before they are cropped.
      batch_size: of one replica; a batch is that of all replicas of a pipeline together.

    Returns:
      Dataset of {spec.stream: uint8 [B, N, size, size, C], "label": int64 [B], or bool [B, K] as
      stored.video has it, "id": string [B], "view": int64 [B], and "mask": bool [B], False for
      rows that only fill up a batch (zeros, id "")}. View v of a video is crop v % crops of clip
      v // crops. Average what belongs to an id.

    Raises:
      ValueError: batch_size or read_mb is out of range, the records lack the stream, or whole
        videos shall be batched.
    """
    if spec.stream not in records.streams:
        raise ValueError(f"expected records of {spec.stream}, got {records.streams}")
    context, stream = context or tf.distribute.InputContext(), spec.stream
    _check_sizes(spec.crop, batch_size, 0, read_mb)
    calls = calls_at_once(records, read_mb / 2)  # once for their lengths, once for their frames
    fps = float(records.recipe.get("fps", 0.0))

    @tf.autograph.experimental.do_not_convert  # it would warn of callers' lambdas
    def encoded(video):
        if spec.whole:
            steps = video["steps"] + (0 if stream == "flow" else 1)
            indices, lengths = view_sampling.whole_indices(steps, spec)
        else:
            indices = view_sampling.stored_indices(video["steps"] + 1, fps, spec)
            lengths = tf.repeat(tf.shape(indices, tf.int64)[1:], tf.shape(indices)[0])
        files = _gathered(records, stream, video, tf.reshape(indices, [-1]))
        return {stream: files, "lengths": lengths} | {"id": video["id"], "label": video["label"]}

    @tf.autograph.experimental.do_not_convert  # it would warn of callers' lambdas
    def clips_of(video):
        ends = tf.cumsum(video["lengths"])
        limits = tf.data.Dataset.from_tensor_slices((ends - video["lengths"], ends)).enumerate()

        def clip(number, limits):
            length = None if spec.whole else spec.view_shape[0]
            files = tf.ensure_shape(video[stream][limits[0] : limits[1]], [length])
            return {stream: files} | {"id": video["id"], "label": video["label"], "clip": number}

        return limits.map(clip)

    @tf.autograph.experimental.do_not_convert  # it would warn of callers' lambdas
    def views(clip):
        seen = _views(_DECODERS[stream](clip[stream]), spec)
        count = seen.shape[0]
        same = {name: tf.repeat(clip[name][None], count, axis=0) for name in ("id", "label")}
        view = clip["clip"] * count + tf.range(count, dtype=tf.int64)
        return {stream: seen, "view": view, "mask": tf.fill([count], True)} | same

    videos = _videos(records, context, calls).map(encoded, calls, deterministic=True)
    clips = videos.flat_map(clips_of)
    found = clips.map(views, os.cpu_count(), deterministic=True).unbatch()
    replicas = context.num_replicas_in_sync // context.num_input_pipelines
    return finished(_padded(found, batch_size * replicas))


def _check_sizes(size, batch_size, start_step, read_mb):
    if min(size, batch_size, read_mb) < 1 or start_step < 0:
        raise ValueError(
            "expected size, batch_size and read_mb of at least 1 and start_step of at least 0, "
            f"got {size}, {batch_size}, {read_mb} and {start_step}"
        )


def order(count, seed, start):
    """Returns the endless Dataset of (place, record number) from a place on.

    Each `count` places hold a permutation of the records, drawn from the seed.
    """
    first_epoch = start // count

    def permutation(epoch):
        seeds = tf.stack([tf.constant(seed, tf.int64), epoch])
        keys = tf.random.stateless_uniform(
            [count], seeds, minval=None, maxval=None, dtype=tf.int64, alg="philox"
        )
        numbers = tf.argsort(keys, stable=True)
        return tf.data.Dataset.from_tensor_slices(tf.cast(numbers, tf.int64))

    numbers = tf.data.Dataset.range(first_epoch, _FOREVER).flat_map(permutation)
    numbers = numbers.skip(start - first_epoch * count)
    return tf.data.Dataset.zip(tf.data.Dataset.range(start, _FOREVER), numbers)


def _indexable(records, video):
    """Returns how many frames, or pairs of a frame and a field, a record has."""
    return tf.size(video["flow" if "flow" in records.streams else "frames"])


def _decoded(files):
    return {name: _DECODERS[name](jpegs) for name, jpegs in files.items()}


def _changed(clips, change, seed):
    """Returns {stream: clip} with the pixels of "rgb" changed, by a generator of the seed."""
    if change is None or "rgb" not in clips:
        return clips
    return clips | {"rgb": augment.changed(clips["rgb"], change, seed)}


def _cut(clips, crops, size):
    """Returns {stream: uint8 [crops, T, size, size, C]}, the crops the same for all streams."""
    chosen = crops(augment.frame_size(next(iter(clips.values()))))

    def cut(clip, crop):
        part = augment.cut(clip, crop)
        if tuple(part.shape[1:3]) != (size, size):
            part = augment.resize(part, size)
        return part

    return {name: tf.stack([cut(clip, c) for c in chosen]) for name, clip in clips.items()}


def _views(clip, spec):
    """Returns uint8 [crops, N, size, size, C] of a clip, which is resized before it is cropped."""
    clip = augment.resize_to_side(clip, spec.crop_side, spec.interpolation)
    chosen = cropping.of_spec(spec)(augment.frame_size(clip))
    return tf.stack([augment.cut(clip, crop) for crop in chosen])


def _videos(records, context, calls):
    """Returns the Dataset of videos that begin in this pipeline's part of the records.

    One is {"id", "label", "first": number of its first record, "records": how many it has,
    "steps": its frames, less one}.
    """
    part, parts = context.input_pipeline_id, context.num_input_pipelines
    begin, end = (records.num_records * i // parts for i in (part, part + 1))
    before = max(begin - 1, 0)  # a video that goes on into this part is of the part before

    def outline(number):
        video = stored.video(records, number)
        steps = tf.size(video["frames"], tf.int64) - 1
        return {"id": video["id"], "label": video["label"], "first": number,
                "records": tf.constant(1, tf.int64), "steps": steps}  # fmt: skip

    def joined(video, record):
        same = (video["id"] == record["id"]) & (video["first"] >= 0)
        both = video | {name: video[name] + record[name] for name in ("records", "steps")}
        kept = {name: tf.where(same, both[name], record[name]) for name in video}
        return kept, (video, ~same)

    nothing = {name: tf.constant(-1, tf.int64) for name in ("first", "records", "steps")}
    several = tf.zeros([len(records.class_names)], tf.bool)
    label = several if records.multi_label else tf.constant(-1, tf.int64)
    nothing |= {"id": tf.constant(""), "label": label}
    numbers = tf.data.Dataset.range(before, records.num_records)
    outlines = numbers.map(outline, calls, deterministic=True)
    outlines = outlines.concatenate(tf.data.Dataset.from_tensors(nothing))  # ends the last video
    videos = outlines.scan(nothing, joined).filter(lambda video, whole: whole)
    videos = videos.map(lambda video, whole: video).filter(lambda video: video["first"] >= begin)
    return videos.take_while(lambda video: video["first"] < end)


def _gathered(records, stream, video, indices):
    """Returns JPEG files, strings shaped as indices, out of all records of a video."""

    def add(number, offset, found):
        record = stored.video(records, number)
        files, local = record[_FIELDS[stream]], indices - offset
        count = tf.size(files, tf.int64)
        picked = tf.gather(files, tf.clip_by_value(local, 0, count - 1))
        found = tf.where((local >= 0) & (local < count), picked, found)
        return number + 1, offset + tf.size(record["frames"], tf.int64) - 1, found

    # Not Dataset.reduce, which takes 60 ms to set up each time.
    begin, end = video["first"], video["first"] + video["records"]
    state = (begin, tf.constant(0, tf.int64), tf.fill(tf.shape(indices), ""))
    _, _, files = tf.while_loop(lambda number, *_: number < end, add, state, parallel_iterations=1)
    return tf.ensure_shape(files, indices.shape)


def _padded(views, batch_size):
    """Returns full batches, the last filled up with zeros."""
    if batch_size == 1:
        return views.batch(1)
    spec = views.element_spec
    if not all(value.shape.is_fully_defined() for value in spec.values()):
        raise ValueError(
            f"clips of unknown length cannot be batched by {batch_size}; take batch_size=1 on one "
            "replica"
        )
    zeros = {name: tf.zeros(value.shape, value.dtype) for name, value in spec.items()}
    filling = tf.data.Dataset.from_tensors(zeros).repeat(batch_size - 1)
    return views.concatenate(filling).batch(batch_size, drop_remainder=True)


def calls_at_once(records, read_mb):
    """Returns how many records to read at once."""
    mean = records.num_bytes / records.num_records
    return int(max(1, min(os.cpu_count(), read_mb * 1e6 / mean)))


def finished(batches):
    """Returns a Dataset of batches that is deterministic, and two batches ahead."""
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options).prefetch(_BATCHES_AHEAD)
