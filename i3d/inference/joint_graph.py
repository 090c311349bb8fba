"""Two-stream network in one graph: frames of a video in, joint logits out, TV-L1 flow between.

model = joint_graph.joined(network.load(rgb_card), network.load(flow_card), (65, 256, 340))
logits = model(frames)               # uint8 [B, 65, 256, 340, 3] -> float32 [B, K]
"""

import dataclasses

import keras
from keras import layers, ops

from i3d.data import cropping
from i3d.flow.tvl1.accelerated import TvL1Flow
from i3d.inference.network import Network
from i3d.runtime.command import UserError
from i3d.runtime.flow_levels import STEPS, ZERO


def joined(rgb: Network, flow: Network, shape: tuple[int, int, int]) -> keras.Model:
    """Returns a model of frames, uint8 [B, N, H, W, 3], that gives the sum of both logits [B, K].

    The centre crop of both is taken. Networks of whole videos see every s-th of the N frames and of
    the N - 1 fields of flow, s being their stride; of clips of T frames, N is (T - 1) s + 2.
    Frames are those that decoding gives at the networks' rate and short side.

    Args:
      rgb, flow: networks of the same clips, with the same classes.
      shape: (N, H, W).

    Raises:
      UserError: the networks do not fit each other, or `shape`.

    Source: Carreira & Zisserman 2017 (arXiv:1705.07750), two-stream I3D; flow is computed by
    `i3d.flow.tvl1.accelerated` and enters as the levels that records hold.
    """
    _check(rgb, flow, shape)
    frames = keras.Input((*shape, 3), dtype="uint8", name="frames")
    grey, stride = Grey(dtype="float32", name="grey")(frames), rgb.spec.stride
    fields = TvL1Flow(stride, dtype="float32", name="tvl1")(grey)
    levels = FlowLevels(flow.spec.flow_bound_px, dtype="float32", name="levels")(fields)
    seen = frames[:, ::stride] if rgb.spec.whole else frames[:, :-1:stride]
    both = [_stream(rgb)(_centre(seen, rgb.spec)), _stream(flow)(_centre(levels, flow.spec))]
    return keras.Model(frames, layers.Add(name="Logits")(both), name="joint")


@keras.saving.register_keras_serializable("i3d")
class Grey(layers.Layer):
    """Grey levels of RGB frames, as OpenCV rounds them: uint8 [..., 3] -> float32 [...]."""

    def compute_output_shape(self, shape):
        """Returns the shape without its last axis."""
        return shape[:-1]

    def call(self, frames):
        """Returns the levels, whole numbers in [0, 255]."""
        red, green, blue = (ops.cast(frames[..., i], "int32") for i in range(3))
        return ops.cast((9798 * red + 19235 * green + 3735 * blue + 16384) // 32768, "float32")


@keras.saving.register_keras_serializable("i3d")
class FlowLevels(layers.Layer):
    """Levels of flow as records hold them, see i3d.runtime.flow_levels: float32 -> uint8."""

    def __init__(self, bound_px, **keywords):
        """bound_px: pixels per frame at which flow is clipped."""
        super().__init__(**keywords)
        self.bound_px = bound_px

    def get_config(self):
        """Returns what the constructor takes."""
        return super().get_config() | {"bound_px": self.bound_px}

    def compute_output_spec(self, fields):
        """Returns uint8 of the same shape."""
        return keras.KerasTensor(fields.shape, "uint8")

    def call(self, fields):
        """Returns the levels."""
        clipped = ops.clip(fields, -self.bound_px, self.bound_px)
        return ops.cast(ops.round(clipped * (STEPS / self.bound_px)) + ZERO, "uint8")


def _stream(network):
    """Returns the network's model by the name of its stream: both may be of one architecture."""
    return keras.Model(network.model.input, network.model.output, name=network.spec.stream)


def _centre(views, spec):
    (crop,) = cropping.of_spec(dataclasses.replace(spec, crops=1))(views.shape[2:4])
    return views[:, :, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]


def _check(rgb, flow, shape):
    """Raises UserError where the two networks cannot share frames of this shape."""
    streams = [network.spec.stream for network in (rgb, flow)]
    if streams != ["rgb", "flow"]:
        raise UserError(f"expected an RGB and a flow network, in this order, got {streams}")
    if rgb.num_classes != flow.num_classes:
        raise UserError(
            f"expected networks of the same classes, got {rgb.num_classes} and {flow.num_classes}"
        )
    clips = [(net.spec.length, net.spec.stride) for net in (rgb, flow)]
    if clips[0] != clips[1] or rgb.spec.segments:
        raise UserError(f"expected networks of the same clips (frames, stride), got {clips}")
    frames, *sides = shape
    least = ((rgb.spec.length or rgb.spec.min_frames) - 1) * rgb.spec.stride + 2
    if frames < least or (rgb.spec.length and frames != least):
        raise UserError(
            f"expected {least} frames{'' if rgb.spec.length else ' or more'}, got {frames}"
        )
    crop = max(rgb.spec.crop, flow.spec.crop)
    if min(sides) < crop:
        raise UserError(f"expected pictures that hold the crop of {crop} pixels, got {sides}")
