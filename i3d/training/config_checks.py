"""Checks keys and values of a training configuration; every mistake is one line.

config_checks.check_known("optimizer.momentun", expected)  # UserError: no such key; did you ...
config_checks.check_value("steps", 0, 1000)  # UserError: expected at least 1, got 0
"""

import difflib
from collections.abc import Iterable
from typing import Any

from ml_collections import ConfigDict

from i3d.data import feature_spec
from i3d.runtime.command import UserError
from i3d.training import config_keys as keys
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.localization_zoo import takes_features


def check_known(key: str, expected: Iterable[str]) -> None:
    """Refuses a key that is not among the expected ones, and names the nearest."""
    if key not in expected:
        near = difflib.get_close_matches(key, expected, 1)
        # A right name in the wrong place, or a place without a name.
        near = near or [k for k in expected if k.split(".")[-1] == key.split(".")[-1]]
        hint = f"; did you mean config.{near[0]}?" if near else ""
        hint = hint or f"; the keys are {', '.join(expected)}"
        raise UserError(f"config.{key}: no such key{hint}")


def check_value(key: str, value: Any, default: Any) -> None:
    """Refuses a value of another type than the default's, or out of its range."""
    kind = type(default)
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise UserError(f"config.{key}: expected {kind.__name__}, got {value!r}")
    if key in keys.CHOICES and value not in keys.CHOICES[key]:
        near = difflib.get_close_matches(str(value), map(str, keys.CHOICES[key]), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"config.{key}: expected one of {keys.CHOICES[key]}, got {value!r}{hint}")
    if kind is tuple and not all(
        type(v) in keys.ELEMENTS[key] and abs(v) <= keys.MOST for v in value
    ):
        names = " or ".join(t.__name__ for t in keys.ELEMENTS[key])
        raise UserError(f"config.{key}: expected a tuple of {names}, got {value!r:.200}")
    if key in keys.SIZES and len(value) not in keys.SIZES[key]:
        sizes = " or ".join(map(str, keys.SIZES[key]))
        raise UserError(f"config.{key}: expected {sizes} numbers, got {value!r}")
    if kind in (int, float):
        lowest = 1 if key in keys.AT_LEAST_1 else 0
        if not lowest <= value or (key in keys.BELOW_1 and value >= 1):
            below = " and below 1" if key in keys.BELOW_1 else ""
            raise UserError(f"config.{key}: expected at least {lowest}{below}, got {value}")
        if value > (most := keys.AT_MOST.get(key, keys.MOST)):
            raise UserError(f"config.{key}: expected at most {most:,}, got {value!r:.80}")


def check_input(data: ConfigDict) -> None:
    """Refuses what does not fit the stream, the segments or the crop."""
    channels = {"rgb": 3, "flow": 2}[data.stream]
    if len(data.mean) != len(data.std) or len(data.mean) not in (0, channels):
        raise UserError(
            f"config.data.mean, config.data.std: expected () or {channels} numbers each for the "
            f"stream {data.stream!r}, got {data.mean} and {data.std}"
        )
    if any(deviation <= 0 for deviation in data.std):
        raise UserError(f"config.data.std: expected numbers above 0, got {data.std}")
    if data.sampling == "ticks" and not (data.segments and data.frames == 1):
        raise UserError(
            "config.data.sampling: 'ticks' takes one frame of each segment; expected "
            f"config.data.segments of at least 1 and config.data.frames=1, got {data.segments} and "
            f"{data.frames}"
        )
    if data.crop_places != 5 and data.crop != "multi_scale":
        raise UserError(
            "config.data.crop_places: read by the crop 'multi_scale' only, and config.data.crop is "
            f"{data.crop!r}"
        )
    for key in ("rand_augment", "color_jitter", "grayscale"):
        if data[key] and data.stream != "rgb":
            raise UserError(f"config.data.{key}: is of pictures, and config.data.stream is 'flow'")
    if data.rand_augment and not (
        1 <= data.rand_augment[0] <= 100 and 0 <= data.rand_augment[1] <= 30
    ):
        raise UserError(
            "config.data.rand_augment: expected a number of operations from 1 to 100 and a "
            f"magnitude from 0 to 30, got {data.rand_augment}"
        )


def check_schedule(schedule: ConfigDict, steps: int) -> None:
    """Refuses a cosine that never begins, and an epoch of a rate that is not held."""
    if schedule.begin >= steps:
        raise UserError(
            f"config.schedule.begin: expected less than config.steps, {steps}, got "
            f"{schedule.begin}; with other steps set it and config.schedule.warmup_steps, too"
        )
    if schedule.hold == 1 and schedule.hold_within:
        raise UserError(
            "config.schedule.hold_within: read with a config.schedule.hold above 1 only, which is 1"
        )


def check_betas(betas: tuple[float, ...]) -> None:
    """Refuses shares that are no shares."""
    if not all(0 <= beta < 1 for beta in betas):
        raise UserError(f"config.optimizer.betas: expected at least 0 and below 1, got {betas}")


def check_read(values: dict[str, Any], standard: dict[str, Any]) -> None:
    """Refuses keys that are set and that the chosen optimizer, schedule or model would ignore.

    Args:
      values: {"a.b": value} of a configuration.
      standard: the same of the defaults.
    """
    for key, (choice, readers) in keys.READ_BY.items():
        if values[choice] not in readers and values[key] != standard[key]:
            raise UserError(
                f"config.{key}: read by the {choice.partition('.')[0]} {' or '.join(readers)} "
                f"only, and {choice} is {values[choice]!r}"
            )
    model = values["model.name"]
    kinds_of = {"text": takes_text, "boxes": takes_boxes, "segments": takes_features}
    kind = next((kind for kind, is_of in kinds_of.items() if is_of(model)), "classes")
    for ignored, readers, kinds in keys.OF_MODELS:
        for key in ignored:
            if kind not in readers and values[key] != standard[key]:
                raise UserError(
                    f"config.{key}: read by models {kinds} only, and model.name is {model!r}"
                )


def check_frames_of_text(values: dict[str, Any]) -> None:
    """Refuses input that a model with a text tower does not take."""
    expected = {"data.stream": "rgb", "data.frames": 1}
    for key, wanted in expected.items():
        if values[key] != wanted:
            raise UserError(
                f"config.{key}: expected {wanted!r}, as {values['model.name']} takes a frame of "
                f"each of config.data.segments segments, got {values[key]!r}"
            )
    if not values["data.segments"]:
        raise UserError(
            f"config.data.segments: expected the number of frames that {values['model.name']} is "
            "to see, such as 8, got 0"
        )


def check_boxes(values: dict[str, Any]) -> None:
    """Refuses what a model of boxes does not take."""
    least, most = values["boxes.scale"]
    if not 0 < least <= most:
        raise UserError(
            f"config.boxes.scale: expected the least and the most pixels of the short side, got "
            f"{values['boxes.scale']}"
        )
    if values["data.size"] > least:
        raise UserError(
            f"config.data.size: expected at most {least}, the least short side of "
            f"config.boxes.scale, got {values['data.size']}"
        )
    ids = values["boxes.classes"]
    if len(set(ids)) < len(ids) or any(one < 1 for one in ids):
        raise UserError(f"config.boxes.classes: expected different ids of at least 1, got {ids}")
    if values["data.stream"] != "rgb":
        raise UserError(
            f"config.data.stream: expected 'rgb', as {values['model.name']} takes pictures, got "
            f"{values['data.stream']!r}"
        )


def check_segments(values: dict[str, Any]) -> None:
    """Refuses what a localizer does not take."""
    try:
        rows = feature_spec_of(values).rows
    except UserError as error:
        raise UserError(f"config.segments.{error}") from error
    least, most = values["segments.crop"]
    if not 0 < least <= most <= 1:
        raise UserError(
            "config.segments.crop: expected the least and the most share of a video's rows, above "
            f"0 and at most 1, got {values['segments.crop']}"
        )
    if not all(0 < one <= 1 for one in values["segments.tiou"]):
        raise UserError(
            f"config.segments.tiou: expected numbers above 0 and at most 1, got "
            f"{values['segments.tiou']}"
        )
    if values["model.name"] == "bmn" and least < 1:
        raise UserError(
            "config.segments.crop: expected (1.0, 1.0), as bmn sees whole sequences, got "
            f"{values['segments.crop']}"
        )
    if rows and values["segments.longest"] != rows:
        raise UserError(
            f"config.segments.longest: expected {rows}, the number of config.segments.rows, got "
            f"{values['segments.longest']}"
        )


def feature_spec_of(values: dict[str, Any]) -> feature_spec.FeatureSpec:
    """Returns the FeatureSpec of a configuration.

    Args:
      values: {"a.b": value} of it.

    Raises:
      UserError: a value is out of range; the line begins with the name of the field.
    """
    names = values["segments.extractors"].split(",")
    fields = ("channels", "window", "stride", "fps", "rows")
    return feature_spec.FeatureSpec(
        **{name: values[f"segments.{name}"] for name in fields},
        extractors=tuple(name.strip() for name in names if name.strip()),
    )
