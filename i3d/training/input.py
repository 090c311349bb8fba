"""What a configuration means for the data: records, clips, crops.

records, validation = train_input.opened(settings)
batches = iter(train_input.batches(settings, records, strategy, start_step=0))
"""

from functools import partial

import tensorflow as tf

from i3d.data import augment, cropping, pipeline, sampling, stored

CHANNELS = {"rgb": 3, "flow": 2}
# uint8 clips of a stream -> [-1, 1], on the device.
CONVERT = {"rgb": augment.to_range, "flow": augment.flow_to_unit}


def opened(settings):
    """Returns the stored.Records of training and of validation (None where it is switched off).

    Raises:
      ValueError: none is given, or their frames are smaller than the crop.
      stored.DataError: they cannot be used.
    """
    data = settings.data
    for key in ("records", "train"):
        if not data[key]:
            what = {"records": "the folder of a data set", "train": "the name of a split"}[key]
            raise ValueError(f"config.data.{key}: expected {what}, got ''")
    records = _opened(data, data.train)
    if not data.validation:
        return records, None
    try:
        return records, _opened(data, data.validation)
    except stored.DataError as error:
        raise stored.DataError(
            f"validation: {error}; --config.data.validation= (nothing) trains without"
        ) from error


def _opened(data, split):
    records = stored.opened(data.records, split, (data.stream,), data.flow_method or None)
    side = records.recipe.get("short_side", data.size)
    if side < data.size and (data.crop == "random" or split == data.validation):
        raise ValueError(
            f"config.data.size: expected at most {side}, the shorter side of the frames in "
            f"{data.records}, got {data.size}; build it with --short_side={data.size} or more"
        )
    return records


def batches(settings, records, strategy, start_step):
    """Returns the endless data set of (clips uint8 [B, T, S, S, C], labels int64 [B]).

    Segments follow each other in time: T = segments * frames.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      records: stored.Records.
      strategy: each of its replicas gets settings.batch.per_replica clips at a time.
      start_step: updates made so far.
    """
    data, batch = settings.data, settings.batch

    def of_worker(context):
        clips = pipeline.train_batches(
            records,
            sampler(data),
            crop(data),
            data.size,
            batch.per_replica,
            settings.seed,
            start_step=start_step * batch.accumulate,
            read_mb=data.read_mb,
            context=context,
        )
        return clips.map(lambda found: (found[data.stream], found["label"]))

    return strategy.distribute_datasets_from_function(of_worker)


def prepare(data):
    """Returns what makes the model's input of uint8 clips [B, N, S, S, C], on the device.

    Args:
      data: settings.data.

    Returns:
      function to float32 [B, frames, S, S, C] of a clip in time, or
      [B, segments, S, S, frames * C] of segments: x and y of each field of flow in turn.
    """
    convert = CONVERT[data.stream]
    if data.mean:
        convert = partial(augment.standardise, mean=data.mean, std=data.std)
    if not data.segments:
        return convert
    return lambda clips: convert_stacked(clips, convert, data.frames)


def convert_stacked(clips, convert, frames):
    """Returns [B, N, S, S, C], converted, as [B, N / frames, S, S, frames * C]."""
    size, channels = clips.shape[2], clips.shape[-1]
    parts = tf.reshape(convert(clips), [-1, clips.shape[1] // frames, frames, size, size, channels])
    parts = tf.transpose(parts, [0, 1, 3, 4, 2, 5])
    return tf.reshape(parts, [-1, parts.shape[1], size, size, frames * channels])


def shape(data):
    """Returns (T, S, S, C) of what the model takes of a video in training."""
    stacked = data.frames if data.segments else 1
    return data.segments or data.frames, data.size, data.size, stacked * CHANNELS[data.stream]


def sampler(data):
    """Returns what draws the frames of a training example: (num_frames, rng) -> indices."""
    if data.segments:
        clips = data.segments, data.frames, data.stride
        return lambda count, rng: sampling.train_clips(count, *clips, rng)
    return lambda count, rng: sampling.dense_clip(count, data.frames, data.stride, rng)


def crop(data):
    """Returns what draws the crop of a training clip: (frame size, seed) -> cropping.Crop."""
    chance = 0.5 if data.flip else 0.0
    if data.crop == "random_resized":
        return partial(cropping.random_resized_crop, flip_chance=chance)
    kinds = {"random": cropping.random_crop, "multi_scale": cropping.multi_scale_crop}
    return lambda frame, seed: kinds[data.crop](frame, data.size, seed, chance)
