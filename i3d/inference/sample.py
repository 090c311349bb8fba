"""Reads a sample of I3D: RGB and flow clips of one video, from a file or from sample arrays.

    clips = from_video("clip.mp4", {"rgb": spec, "flow": spec})
    next(clips["rgb"])                    # uint8 [T, 224, 224, 3]
    clips = from_arrays({"rgb": "rgb.npy"}, {"rgb": spec})
    next(clips["rgb"])                    # float32 [T, 224, 224, 3] in [-1, 1]

Clips are those of whole videos, see i3d.inference.whole. One decoding serves both streams, and
memory holds one clip of each.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from i3d.data import cropping, schema
from i3d.inference import clips, views
from i3d.inference.pixels import cut
from i3d.inference.whole import whole_clips
from i3d.runtime import npy
from i3d.runtime.command import BadData
from i3d.spec import CHANNELS, InputSpec
from i3d.video import frames as video_frames
from i3d.video.sampled import count_frames

SIZE = 224  # pixels, of the published sample


class SampleError(BadData):
    """A sample that cannot be used; one line that says why."""


def from_arrays(
    paths: dict[str, str], specs: dict[str, InputSpec]
) -> dict[str, Iterator[np.ndarray]]:
    """Returns {stream: its clips, float32 [T, SIZE, SIZE, C]} of published sample arrays.

    Args:
      paths: {"rgb": path, "flow": path}, either or both; .npy arrays [1, T, SIZE, SIZE, 3 | 2]
        in [-1, 1], the same T.
      specs: {stream: InputSpec}.

    Raises:
      SampleError: a file is missing, holds another shape or range, or too few frames.
    """
    arrays = {stream: _read_array(path, stream, SIZE) for stream, path in paths.items()}
    lengths = {stream: array.shape[1] for stream, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise SampleError(
            f"{paths['flow']}: expected as many flow fields as RGB frames ({lengths['rgb']}), "
            f"got {lengths['flow']}; cut the longer one"
        )
    return {stream: _clips_of(a[0], specs[stream], paths[stream]) for stream, a in arrays.items()}


def _clips_of(array, spec, path):
    steps = -(-len(array) // spec.stride)
    if steps < spec.min_frames:
        raise SampleError(
            f"{path}: too short for I3D: {steps} steps, needs at least {spec.min_frames}"
        )
    pictures = (np.asarray(picture, np.float32) for picture in array)
    return map(np.stack, whole_clips(pictures, spec, lambda: len(array)))


def _read_array(path, stream, size):
    try:
        array = npy.mapped(path)
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file; expected the {stream} sample array") from None
    except (npy.ArrayError, OSError) as error:
        raise SampleError(f"{path}: expected a .npy array: {error}") from None
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


def from_video(
    path: str,
    specs: dict[str, InputSpec],
    start_s: float = 0.0,
    end_s: float | None = None,
    flow_method: str = "tvl1",
    save: Callable[[np.ndarray, np.ndarray], object] | None = None,
    tracked: Callable[[Iterator], Iterator] = iter,
) -> dict[str, Iterator[np.ndarray]]:
    """Returns {stream: its clips, uint8 [T, H, W, C]} of a video file, or of a part of it.

    RGB has all N frames, flow the N - 1 fields between them, in the levels that records hold.
    Take from the streams in turn: what one is ahead of the other is held.

    Args:
      path: a video file.
      specs: {stream: InputSpec}; frame rate and short side are those of the first.
      start_s, end_s: seconds; None is the end of the video.
      flow_method: a name in methods.METHODS.
      save: called with every frame uint8 [H, W, 3] and the levels uint8 [H, W, 2] of the flow
        from it, both uncropped; flow is made and taken from for it where `specs` has none.
      tracked: what the frames are passed through, to show progress.

    Raises:
      VideoError: while iterating, where the file cannot be decoded.
    """
    first = next(iter(specs.values()))
    flow = specs.get("flow", dataclasses.replace(first, stream="flow"))
    part = start_s, end_s
    side = first.resize if isinstance(first.resize, int) else None
    source = tracked(video_frames.read_frames(path, first.fps, side, *part))
    frames, for_flow, for_saving = itertools.tee(source, 3)
    wanted, pictures = specs | ({"flow": flow} if save else {}), {"rgb": frames}
    if "flow" in wanted:  # or Numba would be imported for nothing
        fields = clips.seen(for_flow, dataclasses.replace(flow, flow_method=flow_method))
        pictures["flow"] = _saved(for_saving, fields, save) if save else fields

    def count():
        return count_frames(path, first.fps, *part)

    return {
        stream: views.whole_views(path, pictures.pop(stream), spec, count)
        for stream, spec in wanted.items()
    }


def _saved(frames, fields, save):
    for frame, field in zip(frames, fields, strict=False):
        save(frame, field)
        yield field


def cropped(image: np.ndarray, size: int) -> np.ndarray:
    """Returns the centre [size, size] of an image [H, W, C] of at least that size."""
    return cut(image, cropping.center_crop(image.shape[:2], size))


def unit_step(frame: np.ndarray, field: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Returns a step of the published sample arrays: {"rgb", "flow"} float32 in [-1, 1], cropped.

    Args:
      frame: uint8 [H, W, 3].
      field: levels of flow uint8 [H, W, 2].
      size: of the centre crop, pixels.
    """
    flow = (cropped(field, size).astype(np.float32) - schema.FLOW_ZERO) / np.float32(127)
    rgb = schema.rgb_to_unit(cropped(frame, size))
    return {"rgb": rgb, "flow": np.clip(flow, -1, 1)}
