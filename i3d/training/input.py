"""Builds the input of a training run: records, sampled clips, crops, and the InputSpec.

records, validation = train_input.opened(settings)
spec = train_input.spec(settings, records)
batches = iter(train_input.batches(settings, records, strategy, start_step=0))
"""

import csv
import dataclasses
import io
from pathlib import Path

from i3d import spec as input_spec
from i3d.data import pipeline, shots, stored
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.training import augmentation, config, held_out
from i3d.weights.clip_zoo import takes_text


def opened(settings, tell=lambda line: None):
    """Returns the stored.Records of training and of validation (None where it is switched off).

    Where config.data.validation names the split of training, config.data.validation_share of its
    videos are held out, see i3d.training.held_out. Of the others config.data.shots of each class
    are taken, see i3d.data.shots.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      tell: called with a line on what was held out, and on what was chosen.

    Raises:
      UserError: none is given, they cannot be used, or their frames are smaller than the crop.
    """
    records, validation = _divided(settings, tell)
    return _few(records, settings, tell), validation


def _divided(settings, tell):
    data = settings.data
    config.check_named(data)
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


def _few(records, settings, tell):
    """Returns the Records of config.data.shots videos of each class, or all."""
    count = settings.data.shots
    if not count:
        return records
    every = stored.labels(records)
    there = range(len(every)) if records.chosen is None else records.chosen
    videos = [every[number] for number in there]
    chosen = shots.chosen(videos, count, settings.seed)
    tell(shots.described(videos, count, records.class_names))
    return records.part([there[place] for place in chosen])


def write_shots(workdir, settings, records):
    """Writes shots.csv, the id and the class of each video that config.data.shots takes.

    Args:
      workdir: folder of the run, which is there.
      settings: ConfigDict as i3d.training.config.defaults.
      records: stored.Records of training, as `opened` gives them.
    """
    if not settings.data.shots:
        return
    every = stored.labels(records)
    rows = {every[number][0]: records.class_names[every[number][1][0]] for number in records.chosen}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", "class"), *rows.items()])
    files.write_text(Path(workdir, "shots.csv"), text.getvalue())


def _opened(data, split):
    records = stored.opened(data.records, split, (data.stream,), data.flow_method or None)
    side = records.recipe.get("short_side", data.size)
    tested = split == data.validation and data.interpolation != "bicubic"  # which resizes
    if side < data.size and (data.crop == "random" or tested):
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
            augmentation.sampler(data, validation_spec(spec(settings, records))),
            augmentation.crop(data),
            data.size,
            batch.per_replica,
            settings.seed,
            change_frames=augmentation.change_frames(data),
            change_crop=augmentation.change_crop(data),
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
    found = input_spec.of_settings(config.flat(settings), side, fps, records.multi_label)
    # Scores of texts are averaged as probabilities, see i3d.inference.zero_shot.
    return dataclasses.replace(found, average="prob") if takes_text(settings.model.name) else found


def validation_spec(spec):
    """Returns the InputSpec of one centred view of each video."""
    return dataclasses.replace(spec, clips=1, crops=1)
