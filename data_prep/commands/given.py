"""Defines and reads --videos and the flags that go with it.

given.define(FLAGS, "folder with one folder per class, CSV, list, or split file")
items, class_names = given.read(FLAGS, split="train")
"""

from absl import flags

from i3d.runtime.command import UserError
from i3d.video import images, inputs, lists

_BESIDE = ("video_root", "labels", "first_label", "image_fps", "with_offset")


def define(values: flags.FlagValues, videos: str) -> None:
    """Defines --videos, with this help, and the flags that go with it."""
    text = flags.DEFINE_string
    text("videos", None, videos, flag_values=values)
    root = "folder that the paths of a list are relative to; default: the folder of the list"
    text("video_root", None, root, flag_values=values)
    names = "file of class names in label order: one per line, or JSON"
    text("labels", None, names, flag_values=values)
    first = "index of the first class in a list; default: 0, which must occur"
    flags.DEFINE_integer("first_label", None, first, 0, flag_values=values)
    images.define_flag(values)
    flags.DEFINE_boolean("with_offset", None, lists.OFFSET_HELP, flag_values=values)


def beside(values: flags.FlagValues) -> list[str]:
    """Returns the names of the flags that go with --videos and are given."""
    return [name for name in _BESIDE if values[name].value is not None]


def read(
    values: flags.FlagValues, split: str | None, stills: bool = False
) -> tuple[list[inputs.Item], list[str]]:
    """Returns what i3d.video.inputs.read does of these flags; with `stills`, of images.

    Raises:
      UserError: the flags, or what they name, cannot be used.
    """
    return inputs.read(
        values.videos,
        values.video_root,
        split,
        values.labels,
        first_label=values.first_label,
        image_fps=False if stills else images.rate(values),
        with_offset=values.with_offset,
        stills=stills,
    )


def refuse_alone(values: flags.FlagValues) -> None:
    """Raises UserError where flags that go with --videos are given without it."""
    if not values.videos and (names := beside(values)):
        raise UserError(f"{', '.join(f'--{name}' for name in names)} go with --videos")
