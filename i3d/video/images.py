"""Folders of images as videos: which images, in which order, at which rate.

    video = images.checked("frames/jump", fps=25)    # goes wherever the path of a video goes
    for frame in frames.read_frames(video): ...      # uint8 [H, W, 3]

Images come in natural order of their names (img_2 before img_10); those of flow (flow_x_..., as
MMAction2 and denseflow write them) are left out. Rates of images are not in their files: the
user says them.
"""

import itertools
import math
import os
import re
from collections import defaultdict
from typing import NamedTuple

from absl import flags

from i3d.runtime import once
from i3d.runtime.command import UserError
from i3d.video.source import VideoError

EXTENSIONS = frozenset(".bmp .jpeg .jpg .png .webp".split())
HELP = "frames per second of videos that are folders of images"

_DIGITS = re.compile("([0-9]+)")
_FLOW = re.compile("(flow[_-]?[xy][_-]?|[xy][_-])#", re.IGNORECASE)


class Images(NamedTuple):
    """Images of a folder as a video, for the readers of i3d.video in place of a path.

    Attributes:
      folder: path.
      fps: images per second.
      first: number of images, in order, that are left out at the beginning.
      count: of images; None takes all that follow.
    """

    folder: str
    fps: float
    first: int = 0
    count: int | None = None

    def __str__(self):
        """Returns the folder, as messages name a video."""
        return self.folder

    def part(self) -> str:
        """Returns "@first+count", "" of a whole folder."""
        return "" if self.count is None else f"@{self.first}+{self.count}"


class Listing(NamedTuple):
    """The images of a folder.

    Attributes:
      names: in order.
      missing: line on numbers that are missing, or "".
      left_out: line on images that are no part of the video, or "".
    """

    names: list[str]
    missing: str
    left_out: str


def define_flag(flag_values: flags.FlagValues) -> None:
    """Defines --image_fps."""
    flags.DEFINE_float("image_fps", None, HELP, 0.001, 1000, flag_values=flag_values)


def rate(flag_values: flags.FlagValues) -> float | None:
    """Returns --image_fps, None where it is not given; UserError where it is no number."""
    if flag_values.image_fps is not None and math.isnan(flag_values.image_fps):
        raise UserError("--image_fps: expected a number, got nan")
    return flag_values.image_fps


def is_image(name: str) -> bool:
    """Returns whether a file is an image by its name."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")


def are_in(folder: str) -> bool:
    """Returns whether a path is a folder with images right in it."""
    return os.path.isdir(folder) and any(map(is_image, os.listdir(folder)))


def checked(folder: str, fps: float | None, first: int = 0, count: int | None = None) -> Images:
    """Returns the Images of a folder; warns once of what is left out or missing, on stderr.

    Args:
      folder: path.
      fps: images per second; None is an error that asks for them, False one that does not.
      first, count: the part that is taken.

    Raises:
      VideoError: there are no images, fewer than are asked for, or those of several videos.
    """
    found = listed(folder)
    if fps is False:
        raise VideoError(f"{folder}: expected a video file, got a folder of images")
    if not fps:
        raise VideoError(f"{folder}: is a folder of images; give --image_fps, their rate")
    total = len(found.names)
    if first + (count or 1) > total:
        raise VideoError(f"{folder}: expected {first + (count or 1)} images, found {total}")
    lines = [line for line in (found.missing, found.left_out) if line]
    if lines:
        once.warn("images left out", f"{folder}: {'; '.join(lines)}")
    whole = not first and count in (None, total)
    return Images(os.fspath(folder), fps, first, None if whole else count or total - first)


def listed(folder: str) -> Listing:
    """Returns the Listing of a folder.

    Raises:
      VideoError: there are no images in it, or those of several videos.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if is_image(e.name) and e.is_file())
    except OSError as error:
        raise VideoError(f"{folder}: {error.strerror}") from None
    groups = defaultdict(list)
    for name in names:
        groups[_DIGITS.sub("#", os.path.splitext(name)[0])].append(name)
    left_out = _others(groups)
    chosen = sorted((name for group in groups.values() for name in group), key=_natural)
    _check_one_video(folder, chosen, groups)
    return Listing(chosen, _missing(chosen), f"not taken as frames: {left_out}" if left_out else "")


def _others(groups):
    """Takes those names out that are not of the video; returns what is left out, in words.

    Args:
      groups: {name with # in place of its numbers, such as "img_#": names}.
    """
    flow = {pattern for pattern in groups if _is_flow(pattern, groups)}
    rgb = groups.keys() - flow
    if "img_#" in groups:
        rgb = {"img_#"}
    elif numbered := {pattern for pattern in rgb if "#" in pattern}:
        rgb = numbered
    others = {pattern: groups.pop(pattern) for pattern in sorted(groups.keys() - rgb)}
    return ", ".join(f"{pattern} ({len(names)})" for pattern, names in others.items())


def _is_flow(pattern, groups):
    """Returns whether images are those of flow: flow_x_# and flow_y_#, or x_# and y_# together."""
    other = pattern.translate(str.maketrans("xyXY", "yxYX"))
    return bool(_FLOW.fullmatch(pattern)) and (pattern[0] in "fF" or other in groups)


def _check_one_video(folder, names, groups):
    if not names:
        raise VideoError(f"{folder}: a folder without images; expected a video or a folder of them")
    if len(groups) > 1 and any("#" in pattern for pattern in groups):
        kinds = ", ".join(f"{pattern} ({len(names)})" for pattern, names in groups.items())
        raise VideoError(
            f"{folder}: images of several videos ({kinds[:200]}); keep those of one in a folder, "
            "or name its own img_00001 and so on"
        )
    stems = [_natural(os.path.splitext(name)[0]) for name in names]
    for before, after, name in zip(stems, stems[1:], names[1:], strict=False):
        if before == after:
            raise VideoError(f"{folder}: {name} comes twice, under another ending or with zeros")


def _natural(name):
    """Returns the key by which img_2 comes before img_10."""
    return [int(part) if i % 2 else part for i, part in enumerate(_DIGITS.split(name))]


def _missing(names):
    """Returns the line on numbers that are missing where there is one in each name, or ""."""
    keys = [_natural(os.path.splitext(name)[0]) for name in names]
    if len(names) < 3 or any(len(key) != 3 for key in keys):
        return ""
    steps = [after[1] - before[1] for before, after in itertools.pairwise(keys)]
    count = sum(step // min(steps) - 1 for step in steps)
    where = next((name for name, step in zip(names, steps, strict=False) if step > min(steps)), "")
    return f"{count} numbers are missing, the first after {where}" if count else ""
