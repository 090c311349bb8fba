"""A sample: RGB and flow of one video in the form that I3D takes, cut into windows.

    steps = from_video("clip.mp4", card, ("rgb", "flow"))
    for window in windows(steps, "clip.mp4"):
        window["rgb"]                    # float32 [1, T, 224, 224, 3] in [-1, 1]
        window["flow"]                   # float32 [1, T, 224, 224, 2] in [-1, 1]

A sample is an iterator of steps, one a frame: {"rgb": [224, 224, 3], "flow": [224, 224, 2]},
either stream alone or both; so that an hour of video needs the memory of one window.
"""

import itertools

import numpy as np

from i3d.data import schema
from i3d.flow import methods as flow_methods
from i3d.video import frames as video_frames

MIN_FRAMES = 9  # of an I3D clip
CHANNELS = {"rgb": 3, "flow": 2}


class SampleError(ValueError):
    """A sample that cannot be used; one line that says why."""


def from_arrays(paths, size=224):
    """Returns the steps of published sample arrays.

    Args:
      paths: {"rgb": path, "flow": path}, either or both; .npy arrays [1, T, size, size, 3 | 2]
        in [-1, 1], the same T.

    Raises:
      SampleError: a file is missing, or holds another shape or range.
    """
    arrays = {stream: _read_array(path, stream, size) for stream, path in paths.items()}
    lengths = {stream: array.shape[1] for stream, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise SampleError(
            f"{paths['flow']}: expected as many flow fields as RGB frames ({lengths['rgb']}), "
            f"got {lengths['flow']}; cut the longer one"
        )
    length = next(iter(lengths.values()))
    return ({s: np.asarray(a[0, t], np.float32) for s, a in arrays.items()} for t in range(length))


def _read_array(path, stream, size):
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file; expected the {stream} sample array") from None
    except (ValueError, OSError, EOFError) as error:
        raise SampleError(f"{path}: expected a .npy array, got: {error}") from None
    if not isinstance(array, np.ndarray):
        raise SampleError(f"{path}: expected one .npy array, got an .npz archive")
    expected = f"float [1, T, {size}, {size}, {CHANNELS[stream]}] in [-1, 1]"
    fits = array.ndim == 5 and array.shape[0] == 1
    if not fits or array.shape[2:] != (size, size, CHANNELS[stream]):
        raise SampleError(f"{path}: expected {expected}, got shape {array.shape}")
    if array.dtype.kind != "f" or not _within_unit(array):
        raise SampleError(f"{path}: expected {expected}, got {array.dtype}, NaN or values beyond")
    return array


def _within_unit(array):
    """False too where a value is not a number."""
    return all(np.abs(frame).max() <= 1 + 1e-3 for frame in array[0])


def from_video(path, card, streams, start_s=0.0, end_s=None, flow_method="tvl1"):
    """Returns the steps of a video file: decode, card.fps, short side, flow, centre crop, range.

    With flow, N frames give N - 1 steps: step t holds frame t and the motion from it to the
    next. RGB alone gives N steps.

    Args:
      card: i3d.weights.cards.Card, whose frame rate, short side and crop are used.
      streams: ("rgb",), ("flow",) or both.
      start_s, end_s: seconds; None is the end of the video.

    Raises:
      i3d.video.frames.VideoError: while iterating, where the file cannot be decoded.
    """
    frames = video_frames.read_frames(path, card.fps, card.short_side, start_s, end_s)
    if "flow" not in streams:
        return ({"rgb": schema.rgb_to_unit(crop(frame, card.crop))} for frame in frames)
    frames, for_flow = itertools.tee(frames)
    fields = flow_methods.flow_fields(for_flow, flow_method)
    return (
        _step(frame, field, card, streams) for field, frame in zip(fields, frames, strict=False)
    )


def _step(frame, field, card, streams):
    step = {"flow": schema.flow_to_unit(crop(field, card.crop))}
    if "rgb" in streams:
        step["rgb"] = schema.rgb_to_unit(crop(frame, card.crop))
    return step


def crop(image, size):
    """Returns the centre [size, size] of an image [H, W, C] of at least that size."""
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def windows(steps, name, max_frames=250):
    """Cuts steps into consecutive clips of `max_frames`; yields {stream: [1, T, ...]}.

    The last clip holds what is left; where that is fewer than MIN_FRAMES, it is joined to the
    clip before it.

    Raises:
      SampleError: all steps together are fewer than MIN_FRAMES; it begins with `name`.
    """
    held = []
    for step in steps:
        held.append(step)
        if len(held) == max_frames + MIN_FRAMES:
            yield _stacked(held[:max_frames])
            held = held[max_frames:]
    if len(held) < MIN_FRAMES:
        raise SampleError(
            f"{name}: too short for I3D: {len(held)} steps, needs at least {MIN_FRAMES}; a step "
            "is a frame (of a video at 25 fps), with flow a frame and the next one"
        )
    yield _stacked(held)


def _stacked(steps):
    return {stream: np.stack([s[stream] for s in steps])[None] for stream in steps[0]}
