"""The views of one video as a network wants them: frames, flow, sizes, crops, ranges.

    recipe = recipe_of("slowonly_r50_4x16x1", "slowonly_....pth")
    clips = views("jump.mp4", recipe)                          # float32 [V, T, H, W, C]
    for start_s, end_s, clips in views_of_windows("film.mp4", recipe, window_s=10.0):
        ...
    for clips in opened("jump.mp4", recipe).batches(8): ...    # a quarter of the memory

As MMAction2's test pipelines do it: sampling of its 1.x releases, resize in 8 bits, crops
outermost. Only what is sampled is converted, and flow computed. Needs no TensorFlow.
"""

import itertools
import math
import sys

import numpy as np

from i3d.data import sampling
from i3d.flow import methods as flow_methods
from i3d.inference.pixels import crop_boxes, cut, levels, normalised, resized
from i3d.inference.recipes import Recipe, recipe_of
from i3d.video.sampled import NothingThere, frame_rate, wanted_frames
from i3d.video.source import VideoError

__all__ = [
    "NothingThere",
    "Recipe",
    "Views",
    "check_length",
    "of_frames",
    "opened",
    "recipe_of",
    "sampled",
    "views",
    "views_of_windows",
]

_looped = []  # the first short video that was told


class Views:
    """The views of one video, by number: crops outermost, then clips.

    Attributes:
      recipe: the Recipe that they are made by.
      end_s: where the video ends, None where more of it follows.
    """

    def __init__(self, pictures, indices, recipe, end_s=None):
        """Keeps its arguments.

        Args:
          pictures: {number: uint8 [H, W, 3], or levels of flow [H, W, 2]}.
          indices: int [clips, T, stacked], numbers of pictures; see `sampled`.
          recipe: Recipe.
          end_s: seconds.

        Raises:
          ValueError: the pictures are too small for the crops.
        """
        self.recipe, self.end_s = recipe, end_s
        self._pictures, self._indices = pictures, indices
        height, width = next(iter(pictures.values())).shape[:2]
        self._boxes = crop_boxes(height, width, recipe.crop, recipe.crops)

    def __len__(self):
        """Returns V."""
        return len(self._boxes) * len(self._indices)

    def pixels(self, number):
        """Returns a view before normalisation, uint8 [T, H, W, C]."""
        crop, clip = divmod(number, len(self._indices))
        box, indices = self._boxes[crop], self._indices[clip]
        parts = [[cut(self._pictures[i], box) for i in stack] for stack in indices.tolist()]
        return np.stack([np.concatenate(stack, axis=-1) for stack in parts])

    def __iter__(self):
        """Yields the views, float32 [T, H, W, C]."""
        return (normalised(self.pixels(number), self.recipe) for number in range(len(self)))

    def batches(self, size):
        """Yields float32 [up to `size`, T, H, W, C] until no view is left."""
        remaining = iter(self)
        while batch := list(itertools.islice(remaining, size)):
            yield np.stack(batch)

    def all(self):
        """Returns float32 [V, T, H, W, C]."""
        found = np.empty((len(self), *self.recipe.shape), np.float32)
        for number, view in enumerate(self):
            found[number] = view
        return found


def views(path, recipe, start_s=0.0, end_s=None):
    """Returns all views of a video, or of a part of it, float32 [V, T, H, W, C].

    Args:
      path: a video file.
      recipe: Recipe. Videos shorter than its clips are looped; the first such is told.
      start_s, end_s: seconds from the first frame; None is the end of the video.

    Raises:
      i3d.video.frames.VideoError: the file cannot be read, or has no frames (with flow no two)
        there.
      ValueError: the recipe asks for what cannot be.
    """
    return opened(path, recipe, start_s, end_s).all()


def views_of_windows(path, recipe, window_s, step_s=None, start_s=0.0, end_s=None):
    """Yields (start_s, end_s, views float32 [V, T, H, W, C]) of windows that slide over a video.

    A rest at the end that is shorter than half a window is left out, unless it is all there is.
    Each window is found by seeking where the file allows it.

    Args:
      path, recipe: as for `views`.
      window_s: seconds.
      step_s: from one window to the next; None for window_s.
      start_s, end_s: where the first begins and the last ends; None is the end of the video.

    Raises:
      i3d.video.frames.VideoError, ValueError: as `views`.
    """
    step_s = window_s if step_s is None else step_s
    if not (0 < window_s < math.inf and 0 < step_s < math.inf):
        raise ValueError(f"expected windows and steps above 0 s, got {window_s} and {step_s}")
    limit = math.inf if end_s is None else end_s
    for number in itertools.count():
        begin = start_s + number * step_s
        end = min(begin + window_s, limit)
        if number and end - begin < window_s / 2:
            return
        try:
            found = opened(path, recipe, begin, end)
        except NothingThere:
            if number:
                return
            raise
        reached = found.end_s
        if number and reached is not None and reached - begin < window_s / 2:
            return
        yield begin, end if reached is None else min(reached, end), found.all()
        if reached is not None or end >= limit:
            return


def opened(path, recipe, start_s=0.0, end_s=None):
    """Returns the Views of a video file; arguments and errors as for `views`."""
    ratio = frame_rate(path) / recipe.fps if recipe.steps_at_fps else 0
    chosen = {}

    def choose(count):
        chosen["indices"] = sampled(count, recipe, ratio)
        return _frames_of(chosen["indices"], count, recipe)

    def convert(picture):
        return resized(picture, recipe.resize)

    fps = 0 if recipe.steps_at_fps else recipe.fps
    try:
        found = wanted_frames(path, choose, fps, start_s, end_s, convert)
        check_length(path, found.count, recipe)
        indices = chosen["indices"]
        return Views(_seen(found.pictures, indices, recipe), indices, recipe, found.end_s)
    except VideoError:
        raise
    except ValueError as error:
        raise VideoError(f"{path}: {error}") from error


def of_frames(frames, recipe, fps=0.0):
    """Returns the Views of frames in memory.

    Args:
      frames: sequence of uint8 RGB [H, W, 3], at the recipe's frame rate if it has one.
      recipe: Recipe.
      fps: frames per second, where recipe.steps_at_fps; 0 for the recipe's.

    Raises:
      ValueError: as `views`.
    """
    indices = sampled(len(frames), recipe, fps / recipe.fps if fps else 0)
    check_length("frames", len(frames), recipe)
    wanted = _frames_of(indices, len(frames), recipe)
    pictures = {i: resized(frames[i], recipe.resize) for i in wanted}
    return Views(_seen(pictures, indices, recipe), indices, recipe)


def sampled(count, recipe, fps_ratio=0):
    """Returns which of `count` frames make the clips, int64 [clips, T, stacked].

    Args:
      count: frames of the video, at least 1. Flow has a field less; one frame alone gives 0.
      recipe: Recipe. Segments are stacked: T segments of `frames` pictures each.
      fps_ratio: the video's frame rate over recipe.fps, where recipe.steps_at_fps.

    Raises:
      ValueError: a number of the recipe is below 1.
    """
    indexable = max(1, count - 1) if recipe.stream == "flow" else count
    clips = indexable, recipe.clips, recipe.frames, recipe.stride
    if recipe.steps_at_fps:
        indices = sampling.eval_clips_at_fps(*clips, fps_ratio or 1.0)
    else:
        indices = sampling.eval_clips_1x(*clips, twice=recipe.twice)
    if recipe.segments:
        return indices.reshape(-1, recipe.clips, recipe.frames)
    return indices[..., None]


def _frames_of(indices, count, recipe):
    """Returns the set of frames that are needed for pictures of these numbers."""
    wanted = set(indices.ravel().tolist())
    if recipe.stream == "flow":
        wanted |= {i + 1 for i in wanted}
    return {i for i in wanted if i < count}


def _seen(pictures, indices, recipe):
    """Returns what is seen of RGB pictures: {i: themselves, or levels of flow from i to i + 1}."""
    if recipe.stream == "rgb":
        return pictures
    pairs = {i: (pictures[i], pictures[i + 1]) for i in set(indices.ravel().tolist())}
    method = recipe.flow_method
    return {i: levels(next(flow_methods.flow_fields(pair, method))) for i, pair in pairs.items()}


def check_length(name, count, recipe):
    """Tells, on standard error, of the first video that is short enough to be looped.

    Args:
      name: of the video.
      count: its frames.
      recipe: Recipe.

    Raises:
      NothingThere: there is one frame, and flow needs two.
    """
    indexable = count - (recipe.stream == "flow")
    if not indexable:
        raise NothingThere(f"{name}: 1 frame; flow needs 2")
    span = (recipe.frames - 1) * recipe.stride + 1
    if indexable < span and not _looped:
        _looped.append(name)
        print(
            f"{name}: {indexable} frames, fewer than the {span} that a clip spans: short videos "
            "are looped (told once)",
            file=sys.stderr,
        )
