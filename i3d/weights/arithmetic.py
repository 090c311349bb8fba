"""Multiply-adds of networks for a view, without building them.

view = view_of("slowonly_r50_4x16x1", card.spec)   # View(..., channels=3, length=4, size=256)
gflop(view)                                        # 54.9

A multiply-add counts as one, as PySlowFast and MMAction2 count. `python -m docs.gflop` prints the
table, from the operations of the networks.
"""

from typing import NamedTuple

from i3d.data.feature_spec import FeatureSpec
from i3d.spec import InputSpec

_ROWS = 2304  # of localizers that take sequences of any length: five minutes of video
# View.key: billions of multiply-adds. Of models with two towers that of videos; boxes: one person.
_GFLOP: dict[str, float] = {
    "actionclip 3x8x224": 140.7,
    "actionclip_b16_16f 3x16x224": 281.3,
    "actionclip_b16_32f 3x32x224": 562.6,
    "actionclip_b16_8f 3x8x224": 140.7,
    "actionclip_b16_8f_conv_1d 3x8x224": 140.5,
    "actionclip_b16_8f_lstm 3x8x224": 140.5,
    "actionclip_b16_8f_transf_cls 3x8x224": 140.7,
    "actionclip_b32_8f 3x8x224": 35.42,
    "actionclip_b32_8f_conv_1d 3x8x224": 35.27,
    "actionclip_b32_8f_lstm 3x8x224": 35.29,
    "actionclip_b32_8f_transf_cls 3x8x224": 35.44,
    "actionclip_l14_8f 3x8x224": 648.4,
    "actionclip_tiny_8f 3x8x32": 0.1904,
    "actionclip_tiny_8f_conv_1d 3x8x32": 0.188,
    "actionclip_tiny_8f_lstm 3x8x32": 0.1882,
    "actionclip_tiny_8f_transf_cls 3x8x32": 0.2031,
    "actionformer 2048x2304x0": 45.28,
    "actionformer_w7 0.125 512x192x0": 0.07063,
    "actionformer_w7 2048x192x0": 3.76,
    "ava_slowfast_r50_4x16x1 3x32x256": 52.59,
    "ava_slowfast_r50_4x16x1_context 3x32x256": 52.6,
    "ava_slowfast_r50_8x8x1 3x32x256": 96.9,
    "ava_slowfast_r50_8x8x1_temporal_max 3x32x256": 96.9,
    "ava_slowonly_r101_8x8x1 3x8x256": 140.2,
    "ava_slowonly_r50_4x16x1 3x4x256": 41.56,
    "ava_slowonly_r50_4x16x1_nl 3x4x256": 57.4,
    "ava_slowonly_r50_8x8x1 0.1 3x8x96": 0.1176,
    "ava_slowonly_r50_8x8x1 3x8x256": 83.11,
    "ava_slowonly_r50_8x8x1_nl 3x8x256": 125,
    "bmn 2048x100x0": 12.05,
    "bmn 400x100x0": 12.02,
    "c2d_r101_nopool_8x8x1 3x8x224": 62.4,
    "c2d_r50 3x8x256": 25.46,
    "c2d_r50_16x4x1 3x16x224": 38.58,
    "c2d_r50_8x8x1 3x8x224": 19.29,
    "c2d_r50_nopool_8x8x1 3x8x224": 32.7,
    "c3d_16x1x1 3x16x112": 38.55,
    "clip_b16 3x8x224": 140.5,
    "clip_b32 3x8x224": 35.27,
    "clip_l14 3x8x224": 648.1,
    "clip_tiny 3x8x32": 0.188,
    "cnn_lstm_r50 3x16x224": 65.43,
    "deep_video_early 3x10x170": 2.291,
    "deep_video_early_multi 3x10x178": 1.329,
    "deep_video_late 3x2x170": 2.525,
    "deep_video_late_multi 3x2x178": 1.51,
    "deep_video_single 3x1x170": 1.272,
    "deep_video_single_multi 3x1x178": 0.7642,
    "deep_video_slow 3x10x170": 4.589,
    "deep_video_slow_multi 3x10x178": 2.621,
    "i3d_r50 3x8x256": 37.1,
    "i3d_r50_32x2x1 3x32x256": 43.27,
    "i3d_r50_heavy_32x2x1 3x32x256": 165.6,
    "i3d_r50_nl_dot_product 3x32x256": 59.11,
    "i3d_r50_nl_embedded_gaussian 3x32x256": 59.11,
    "i3d_r50_nl_gaussian 3x32x256": 56.29,
    "ig65m_r2plus1d_34_32 3x32x112": 152.4,
    "ig65m_r2plus1d_34_8 3x8x112": 38.09,
    "inception_i3d 0.25 2x16x80": 0.3111,
    "inception_i3d 0.25 3x16x80": 0.3813,
    "inception_i3d 2x64x224": 102.3,
    "inception_i3d 3x64x224": 111.2,
    "inception_v1 3x1x224": 1.498,
    "ipcsn_r152_32x2x1 3x32x256": 108.8,
    "ipcsn_r50_32x2x1 3x32x256": 62.24,
    "ircsn_r152_32x2x1 3x32x256": 96.71,
    "ircsn_r50_32x2x1 3x32x256": 55.26,
    "omni_slowonly_r50 3x8x256": 54.52,
    "r2plus1d_r34_8x8x1 3x32x256": 211.9,
    "r2plus1d_r34_8x8x1 3x8x256": 52.98,
    "r2plus1d_r50 3x16x256": 75.15,
    "slow_r50 3x8x256": 54.52,
    "slowfast_r101_8x8x1 3x32x256": 126.3,
    "slowfast_r101_r50_4x16x1 3x32x256": 64.62,
    "slowfast_r50 3x32x256": 65.71,
    "slowfast_r50_4x16x1 3x32x256": 36.1,
    "slowfast_r50_8x8x1 3x32x256": 65.71,
    "slowonly_r101_8x8x1 3x8x256": 111.6,
    "slowonly_r50_16x4x1_flow 2x16x256": 108.2,
    "slowonly_r50_4x16x1 3x4x256": 27.26,
    "slowonly_r50_8x8x1 3x8x256": 54.52,
    "temporalmaxer 2048x2304x0": 23.48,
    "tsm_r101_1x1x8 3x8x256": 81.5,
    "tsm_r50_1x1x16 3x16x224": 65.39,
    "tsm_r50_1x1x16 3x16x256": 85.41,
    "tsm_r50_1x1x8 3x8x224": 32.7,
    "tsm_r50_1x1x8 3x8x256": 42.71,
    "tsn_r101_1x1x8 3x25x224": 195,
    "tsn_r50_1x1x3 3x25x224": 102.2,
    "tsn_r50_1x1x8 3x25x224": 102.2,
    "tsn_r50_5x1x3_flow 10x25x224": 109.1,
    "tv_mc3_18 3x16x112": 43.34,
    "tv_r2plus1d_18 3x16x112": 40.52,
    "tv_r3d_18 3x16x112": 40.7,
    "tv_s3d 3x128x224": 143.8,
    "two_stream_flow 20x25x224": 118.9,
    "two_stream_rgb 3x25x224": 102.2,
    "x3d_m_16x5x1 3x16x256": 6.181,
    "x3d_s_13x6x1 3x13x182": 2.722,
}


class View(NamedTuple):
    """What a network sees at once.

    Attributes:
      model, width: name in the catalogue, and the multiplier of its filter counts.
      channels: of the input.
      length: frames of a clip, segments, or feature rows; of whole videos the frames of a clip in
        training.
      size: height and width, pixels; where whole pictures enter, the short side of a square one; 0
        of feature rows.
    """

    model: str
    channels: int
    length: int
    size: int
    width: float = 1.0

    @property
    def key(self) -> str:
        """Name in the table."""
        width = f" {self.width:g}" if self.width != 1 else ""
        return f"{self.model}{width} {self.channels}x{self.length}x{self.size}"


def view_of(
    model: str, spec: InputSpec | FeatureSpec, width: float = 1.0, longest: int = 0
) -> View:
    """Returns the View of a model.

    Args:
      model: name in the catalogue.
      spec: of its test.
      width: multiplies filter counts.
      longest: feature rows that shorter sequences are filled up to; 0: 2304, unless the spec says.
    """
    if isinstance(spec, FeatureSpec):
        return View(model, spec.channels, longest or spec.rows or _ROWS, 0, width)
    size = spec.crop or (spec.resize if isinstance(spec.resize, int) else min(spec.resize))
    return View(model, spec.channels, spec.length or spec.frames, size, width)


def gflop(view: View) -> float | None:
    """Returns billions of multiply-adds for a view, None for one that was not counted."""
    return _GFLOP.get(view.key)
