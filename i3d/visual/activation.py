"""Grad-CAM for video: where and when a network looks for a class.

    heat = GradCam(predictor.networks[0])(view, number=7)     # float32 [T, H, W] in [0, 1]
    picture = overlaid(frame, heat[0])                         # uint8 RGB [H, W, 3]

Source: Selvaraju et al. 2017, "Grad-CAM" (arXiv:1610.02391), with the weights of each time step
apart: w[t, c] = mean over space of d score / d map[t, :, :, c], heat[t] = ReLU(sum over c of
w[t, c] * map[t, :, :, c]).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from i3d.runtime.flow_levels import levels_to_pixels
from i3d.spec import InputSpec
from i3d.visual import wheel
from i3d.visual.panels import LEAST_HEIGHT, of_height

if TYPE_CHECKING:
    from i3d.inference.network import Network

_OPACITY = 0.7  # of the colour where the heat is 1


class GradCam:
    """Grad-CAM of the clips that a network sees."""

    def __init__(self, net: "Network", layer: str | None = None):
        """Chooses the layer.

        Args:
          net: whose rows are the logits of classes.
          layer: whose maps are taken, one of i3d.inference.gradients.layers_with_maps; None is the
            last one before pooling.

        Raises:
          UserError: it is none of them.
        """
        from i3d.inference import gradients  # TensorFlow

        self.layer = gradients.last_map(net) if layer is None else layer
        self._segments = net.spec.segments
        self._of = gradients.MapsAndGradient(net, self.layer)

    def __call__(self, view: np.ndarray, number: int) -> np.ndarray:
        """Returns the heat of a clip, float32 [T, H, W] in [0, 1].

        T is the number of frames; of a network of segments that of segments. The least value of
        the clip becomes 0 and the largest 1; where no place speaks for the class all are 0.

        Args:
          view: uint8 [N, H, W, C], as the network sees the clip.
          number: of the class.

        Raises:
          UserError: there is no class of this number.
        """
        maps, gradient = self._of(view, number)
        steps = self._segments or len(view)
        return in_unit_range(stretched(weighted(maps, gradient), (steps, *view.shape[1:3])))


def weighted(maps: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Returns ReLU of the sum of maps, each weighted by its mean gradient over space.

    Args:
      maps, gradient: float [T, h, w, C].

    Returns:
      Float [T, h, w].
    """
    weights = gradient.mean(axis=(1, 2))
    return np.maximum(np.einsum("thwc,tc->thw", maps, weights), 0)


def stretched(heat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns an array of another shape by linear interpolation along each axis in turn.

    Samples lie in the middle of their cells, as torch.nn.functional.interpolate has them with
    mode="trilinear", align_corners=False.
    """
    for axis, length in enumerate(shape):
        count = heat.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
        low = np.floor(place).astype(int)
        share = (place - low).reshape(-1, *(1,) * (heat.ndim - axis - 1)).astype(heat.dtype)
        high = np.minimum(low + 1, count - 1)
        heat = heat.take(low, axis) * (1 - share) + heat.take(high, axis) * share
    return heat


def in_unit_range(heat: np.ndarray) -> np.ndarray:
    """Returns the values moved and scaled to [0, 1]; all 0 where they are equal."""
    low, high = heat.min(), heat.max()
    return (heat - low) / (high - low) if high > low else np.zeros_like(heat)


def overlaid(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Returns uint8 RGB [H, W, 3]: a picture under its heat, from blue to red.

    Args:
      picture: uint8 RGB [H, W, 3].
      heat: float [H, W] in [0, 1]; where it is 0 the picture is as it was.
    """
    levels = np.round(heat * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    share = _OPACITY * heat[..., None]
    return np.round(picture * (1 - share) + colours * share).astype(np.uint8)


def panels(view: np.ndarray, heat: np.ndarray, spec: InputSpec) -> Iterator[dict[str, np.ndarray]]:
    """Yields {title: uint8 RGB [H, W, 3]} of each frame or segment: plain, and under its heat.

    Flow is in the colours of i3d.visual.wheel; its heat lies on grey, dark where motion is. Of the
    frames that a segment stacks the middle one is shown.

    Args:
      view: uint8 [N, H, W, C], as the network sees the clip.
      heat: float32 [T, H, W] of GradCam.
      spec: InputSpec of the network.
    """
    if spec.segments:
        view = view[spec.frames // 2 :: spec.frames]
    if spec.stream == "rgb":
        for picture, own in zip(view, heat, strict=True):
            yield {"RGB": picture, "activation of RGB": overlaid(picture, own)}
        return
    fields = levels_to_pixels(view, spec.flow_bound_px)
    full_px = wheel.full_colour(fields)
    for field, own in zip(fields, heat, strict=True):
        picture = wheel.coloured(field, full_px)
        grey = np.repeat(picture.min(axis=-1, keepdims=True) // 2 + 64, 3, axis=-1)
        large = of_height(picture, max(LEAST_HEIGHT, len(picture)))  # the legend can be read
        flow = wheel.with_legend(large, full_px)
        yield {"flow": flow, "activation of flow": overlaid(grey, own)}
