"""Writes frames and flow of a video: arrays in the published form, a GIF of RGB beside flow.

with saving(arrays_dir="out", gif_path="out/clip.gif", fps=25) as save:
    save({"rgb": rgb, "flow": flow})
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from i3d.runtime.npy import NpyWriter
from i3d.visual.gif import GifWriter


@contextlib.contextmanager
def saving(
    arrays_dir: str | None = None, gif_path: str | None = None, fps: float = 25.0
) -> Iterator[Callable[[dict[str, np.ndarray]], None]]:
    """Yields a function that writes one step; files appear when the block ends without an error.

    A step is {"rgb": float32 [H, W, 3], "flow": float32 [H, W, 2]} in [-1, 1].

    Args:
      arrays_dir: folder for rgb.npy and flow.npy, float32 [1, T, H, W, 3 | 2]; or None.
      gif_path: file for RGB beside flow, flow's x as red, y as green, 0.5 added; or None.
      fps: frame rate of the GIF.
    """
    with contextlib.ExitStack() as stack:
        arrays = {}
        if arrays_dir is not None:
            Path(arrays_dir).mkdir(parents=True, exist_ok=True)
            for stream in ("rgb", "flow"):
                writer = NpyWriter(Path(arrays_dir) / f"{stream}.npy")
                arrays[stream] = stack.enter_context(writer)
        gif = stack.enter_context(GifWriter(gif_path, fps)) if gif_path is not None else None

        def save(step):
            for stream, writer in arrays.items():
                writer.add(step[stream])
            if gif is not None:
                gif.add(beside(step["rgb"], step["flow"]))

        yield save


def beside(rgb, flow):
    """Returns uint8 [H, 2 W, 3]: the frame, and its flow as the published pictures show it.

    Args:
      rgb: float [H, W, 3] in [-1, 1].
      flow: float [H, W, 2] in [-1, 1]; a still scene is mid-grey.
    """
    shown = np.full_like(rgb, 0.5)
    shown[..., :2] += flow
    both = np.concatenate([rgb / 2 + 0.5, shown], axis=1)
    return np.round(np.clip(both, 0, 1) * 255).astype(np.uint8)
