"""How a data set was built: the settings of `python -m data_prep build`, kept in build.json.

made = described("data/ucf101")          # {"recipe": {...}, "class_names": [...], "splits": ..}
settings = BuildSettings.of(made)        # fps, short side, streams, flow method
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i3d.data import schema
from i3d.runtime.command import BadData
from i3d.spec import FPS, SHORT_SIDE

NAME = "videos"  # of the data set, as TFDS knows it
BUILD = "build.json"
INFO = "dataset_info.json"


class DatasetError(BadData):
    """A folder that does not hold what it should; the message is one line."""


@dataclass(frozen=True)
class BuildSettings:
    """What is made of a video.

    Attributes:
      streams: ("rgb", "flow") or ("rgb",).
      flow_method: a name in i3d.flow.methods.METHODS.
      fps: frames per second.
      short_side: pixels of the shorter side.
      max_segment_s: longer videos become several examples of at most this many seconds.
    """

    streams: tuple[str, ...] = ("rgb", "flow")
    flow_method: str = "tvl1"
    fps: float = FPS
    short_side: int = SHORT_SIDE
    max_segment_s: float = schema.MAX_SEGMENT_S

    @property
    def with_flow(self) -> bool:
        """Whether flow is computed and stored."""
        return "flow" in self.streams

    @classmethod
    def of(cls, made: dict[str, Any]) -> "BuildSettings | None":
        """Returns the settings in a description, None where it is empty.

        Raises:
          DatasetError: a part of the description is missing or of another kind.
        """
        if not made:
            return None
        try:
            recipe, _, _ = made["recipe"], made["class_names"], made["splits"]
            return cls(**recipe | {"streams": tuple(recipe["streams"])})
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{BUILD}: not as `build` writes it: {error}") from error


def described(folder: str | Path) -> dict[str, Any]:
    """Returns build.json of a data set, {} where there is none.

    {"recipe": {...}, "class_names": [...], "splits": {split: fingerprint}}

    Raises:
      DatasetError: the file is not JSON.
    """
    file = Path(folder) / BUILD
    try:
        made = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DatasetError(f"{file}: not JSON: {error}") from error
    if not isinstance(made, dict):
        raise DatasetError(f"{file}: expected an object of JSON, got {type(made).__name__}")
    return made


def check_there(folder: str | Path) -> None:
    """Raises DatasetError where a folder holds no data set; a quick look, without TensorFlow."""
    folder = Path(folder)
    if not (folder / INFO).is_file():
        raise DatasetError(
            f"{folder}: expected a data set as `python -m data_prep build --out={folder}` makes "
            f"it, there is {f'no {INFO} in it' if folder.is_dir() else 'no such folder'}"
        )


def stored_side_and_rate(folder: str | Path) -> tuple[int, float] | None:
    """Returns (short side in pixels, frames per second) of a data set, None where unknown."""
    try:
        settings = BuildSettings.of(described(folder))
    except (DatasetError, OSError):
        return None
    return (settings.short_side, settings.fps) if settings else None
