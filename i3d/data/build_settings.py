"""The settings that a data set was built with, stored in its build.json.

made = described("data/ucf101")          # {"recipe": {...}, "class_names": [...], "splits": ..}
settings = settings_in(made)             # fps, short side, streams, flow method
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i3d.data import schema
from i3d.data.metadata import DatasetError, read_json
from i3d.spec import FPS, SHORT_SIDE

BUILD = "build.json"
WORK = ".build"  # folder of a build in progress

_MAX_SIDE = 65500  # pixels of a JPEG file
_MAX_FPS = 1000.0
MOST_REACH = 10_000  # frames on either side of a key frame


@dataclass(frozen=True)
class BuildSettings:
    """What is made of a video.

    Attributes:
      streams: ("rgb", "flow") or ("rgb",).
      flow_method: a name in i3d.flow.methods.METHODS.
      fps: frames per second.
      short_side: pixels of the shorter side.
      max_segment_s: longer videos become several examples of at most this many seconds.
      multi_label: whether records hold `labels`, any number of classes, in place of one `label`.
      flow_images: whether flow is that of images beside the frames, made by `flow_method`.
      images: whether records are of single images, each a video of one frame.
    """

    streams: tuple[str, ...] = ("rgb", "flow")
    flow_method: str = "tvl1"
    fps: float = FPS
    short_side: int = SHORT_SIDE
    max_segment_s: float = schema.MAX_SEGMENT_S
    multi_label: bool = False
    flow_images: bool = False
    images: bool = False

    @property
    def with_flow(self) -> bool:
        """Whether flow is computed and stored."""
        return "flow" in self.streams

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as build.json has them; those that came later only where true."""
        fields = dataclasses.asdict(self) | {"streams": list(self.streams)}
        later = ("multi_label", "flow_images", "images")
        return {name: value for name, value in fields.items() if value or name not in later}

    def _holds(self):
        """Returns {field: whether its value can be}; those of a file may be of any type."""
        return {
            "streams": set(map(str, self.streams)) <= {"rgb", "flow"} and len(self.streams) > 0,
            "flow_method": isinstance(self.flow_method, str),
            "fps": _is_number(self.fps) and 0 < self.fps <= _MAX_FPS,
            "short_side": isinstance(self.short_side, int) and 0 < self.short_side <= _MAX_SIDE,
            "max_segment_s": _is_number(self.max_segment_s) and self.max_segment_s > 0,
            "multi_label": isinstance(self.multi_label, bool),
            "flow_images": isinstance(self.flow_images, bool),
            "images": isinstance(self.images, bool),
        }


@dataclass(frozen=True)
class KeyFrameSettings:
    """What is made of a key frame of a video.

    Attributes:
      fps: frames per second.
      short_side: pixels of the shorter side.
      reach: how many frames are stored before a key frame, and how many after it.
    """

    fps: float = 30.0
    short_side: int = SHORT_SIDE
    reach: int = 40

    with_flow = False
    multi_label = False
    images = False

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as build.json has them."""
        return dataclasses.asdict(self)

    def _holds(self):
        """Returns {field: whether its value can be}; those of a file may be of any type."""
        return {
            "fps": _is_number(self.fps) and 0 < self.fps <= _MAX_FPS,
            "short_side": isinstance(self.short_side, int) and 0 < self.short_side <= _MAX_SIDE,
            "reach": type(self.reach) is int and 0 <= self.reach <= MOST_REACH,
        }


def settings_in(made: dict[str, Any]) -> BuildSettings | KeyFrameSettings | None:
    """Returns the settings in a description, None where it is empty.

    Raises:
      DatasetError: a part of the description is missing or of another kind.
    """
    if not made:
        return None
    settings: BuildSettings | KeyFrameSettings
    try:
        recipe = made["recipe"]
        if "reach" in recipe:
            settings = KeyFrameSettings(**recipe)
        else:
            settings = BuildSettings(**recipe | {"streams": tuple(recipe["streams"])})
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{BUILD}: not as `build` writes it: {error}") from error
    if wrong := [name for name, holds in settings._holds().items() if not holds]:
        raise DatasetError(f"{BUILD}: not as `build` writes it: {wrong[0]} is out of range")
    return settings


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def described(folder: str | Path) -> dict[str, Any]:
    """Returns build.json of a data set, {} where there is none.

    {"recipe": {...}, "class_names": [...], "splits": {split: fingerprint},
     "shards": {split: [[records, bytes, CRC-32 as eight digits], ...]}}

    Data sets of version 0.1.0 have no "shards".

    Raises:
      DatasetError: the file is damaged, or not as `build` writes it.
    """
    path = Path(folder) / BUILD
    if not path.exists() and not path.is_symlink():
        return {}
    made = read_json(path)
    names, splits, shards = (made.get(key) for key in ("class_names", "splits", "shards"))
    holds = {
        "recipe": isinstance(made.get("recipe"), dict),
        "class_names": isinstance(names, list) and all(isinstance(n, str) for n in names),
        "splits": isinstance(splits, dict) and all(isinstance(s, str) for s in splits.values()),
        "shards": shards is None or isinstance(shards, dict) and all(map(_shards, shards.values())),
    }
    if wrong := [key for key, value in holds.items() if not value]:
        raise DatasetError(f"{path}: not as `build` writes it: {wrong[0]} is missing or damaged")
    settings_in(made)
    return made


def _shards(listed):
    """Returns whether a list of JSON is of shards: [records, bytes, CRC-32] each."""
    return isinstance(listed, list) and all(
        isinstance(one, list) and [type(value) for value in one] == [int, int, str]
        for one in listed
    )


def settings_of(folder: str | Path) -> BuildSettings | None:
    """Returns the settings that a data set of videos was built by, None where unknown."""
    try:
        found = settings_in(described(folder))
    except (DatasetError, OSError):
        return None
    return found if isinstance(found, BuildSettings) else None
