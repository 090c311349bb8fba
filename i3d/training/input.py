"""Builds the input of a training run: records, sampled clips, crops, and the InputSpec.

records, validation = train_input.opened(settings)
spec = train_input.spec(settings, records)
batches = iter(train_input.batches(settings, records, strategy, start_step=0))
"""

import dataclasses
from functools import partial

from i3d import spec as input_spec
from i3d.data import pipeline, random_cropping, sampling, stored
from i3d.runtime.command import UserError
from i3d.training import config, held_out


def opened(settings, tell=lambda line: None):
    """Returns the stored.Records of training and of validation (None where it is switched off).

    Where config.data.validation names the split of training, config.data.validation_share of its
    videos are held out, see i3d.training.held_out.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      tell: called with a line on what was held out.

    Raises:
      UserError: none is given, they cannot be used, or their frames are smaller than the crop.
    """
    data = settings.data
    for key in ("records", "train"):
        if not data[key]:
            what = {"records": "the folder of a data set", "train": "the name of a split"}[key]
            raise UserError(f"config.data.{key}: expected {what}, got ''")
    records = _opened(data, data.train)
    if records.multi_label and settings.loss == "softmax":
        raise UserError(
            f"config.loss: expected 'sigmoid' (or '', which takes it), as videos of {data.records} "
            "have several labels, got 'softmax', which gives each just one"
        )
    if not data.validation:
        return records, None
    if data.validation == data.train and data.validation_share:
        *both, line = held_out.divided(records, data.validation_share, settings.seed)
        tell(line)
        return tuple(both)
    try:
        return records, _opened(data, data.validation)
    except stored.DatasetError as error:
        raise stored.DatasetError(
            f"validation: {error}; --config.data.validation= (nothing) trains without"
        ) from error


def _opened(data, split):
    records = stored.opened(data.records, split, (data.stream,), data.flow_method or None)
    side = records.recipe.get("short_side", data.size)
    if side < data.size and (data.crop == "random" or split == data.validation):
        raise UserError(
            f"config.data.size: expected at most {side}, the shorter side of the frames in "
            f"{data.records}, got {data.size}; build it with --short_side={data.size} or more"
        )
    return records


def batches(settings, records, strategy, start_step):
    """Returns the endless data set of (clips uint8 [B, T, S, S, C], labels int64 [B]).

    Labels are bool [B, K] where videos have several. Segments follow each other in time:
    T = segments * frames.

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


def spec(settings, records):
    """Returns the InputSpec of the run: what its network sees of a video in a test.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      records: stored.Records of training.
    """
    side = records.recipe.get("short_side", input_spec.SHORT_SIDE)
    fps = records.recipe.get("fps", input_spec.FPS)
    return input_spec.of_settings(config.flat(settings), side, fps, records.multi_label)


def validation_spec(spec):
    """Returns the InputSpec of one centred view of each video."""
    return dataclasses.replace(spec, clips=1, crops=1)


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
        return partial(random_cropping.random_resized_crop, flip_chance=chance)
    kinds = {"random": random_cropping.random_crop, "multi_scale": random_cropping.multi_scale_crop}
    return lambda frame, seed: kinds[data.crop](frame, data.size, seed, chance)
