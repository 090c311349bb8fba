"""Multiply-adds of one view of a video, in thousand millions, without building the network.

giga("tsn_r50_1x1x3", "25x224")                # 102.2: 25 segments of 224 x 224 pixels

Counted by i3d.models.flops; tests/weights/test_flops.py counts each again.
"""

from i3d.data.feature_spec import FeatureSpec
from i3d.spec import InputSpec
from i3d.weights import parameters

_PICTURE = "256x340"  # of AVA, whose pictures enter whole, short side 256

# Model (its stream and width, where it is published with several) and view.
_GIGA = {
    "actionclip 8x224": 140.7,
    "actionclip_b16_16f 16x224": 281.3,
    "actionclip_b16_32f 32x224": 562.6,
    "actionclip_b16_8f 8x224": 140.7,
    "actionclip_b16_8f_conv_1d 8x224": 140.5,
    "actionclip_b16_8f_lstm 8x224": 140.5,
    "actionclip_b16_8f_transf_cls 8x224": 140.7,
    "actionclip_b32_8f 8x224": 35.42,
    "actionclip_b32_8f_conv_1d 8x224": 35.27,
    "actionclip_b32_8f_lstm 8x224": 35.29,
    "actionclip_b32_8f_transf_cls 8x224": 35.44,
    "actionclip_l14_8f 8x224": 648.4,
    "actionclip_tiny_8f 8x32": 0.1904,
    "actionclip_tiny_8f_conv_1d 8x32": 0.188,
    "actionclip_tiny_8f_lstm 8x32": 0.1882,
    "actionclip_tiny_8f_transf_cls 8x32": 0.2031,
    "actionformer 2304x2048": 45.28,
    "actionformer_w7 192x2048": 3.76,
    "actionformer_w7 512 0.125 192x512": 0.07063,
    "ava_slowfast_r50_4x16x1 32x256x340": 71.63,
    "ava_slowfast_r50_4x16x1_context 32x256x340": 71.63,
    "ava_slowfast_r50_8x8x1 32x256x340": 132.1,
    "ava_slowfast_r50_8x8x1_temporal_max 32x256x340": 132.1,
    "ava_slowonly_r101_8x8x1 8x256x340": 191.9,
    "ava_slowonly_r50_4x16x1 4x256x340": 56.72,
    "ava_slowonly_r50_4x16x1_nl 4x256x340": 80.44,
    "ava_slowonly_r50_8x8x1 8x256x340": 113.4,
    "ava_slowonly_r50_8x8x1 rgb 0.1 8x96x96": 0.1175,
    "ava_slowonly_r50_8x8x1_nl 8x256x340": 179.1,
    "bmn 100x2048": 12.05,
    "bmn 100x400": 12.02,
    "c2d_r101_nopool_8x8x1 8x224": 62.4,
    "c2d_r50 8x256": 25.46,
    "c2d_r50_16x4x1 16x224": 38.58,
    "c2d_r50_8x8x1 8x224": 19.29,
    "c2d_r50_nopool_8x8x1 8x224": 32.7,
    "c3d_16x1x1 16x112": 38.55,
    "clip_b16 8x224": 140.5,
    "clip_b32 8x224": 35.27,
    "clip_l14 8x224": 648.1,
    "clip_tiny 8x32": 0.188,
    "cnn_lstm_r50 16x224": 65.43,
    "deep_video_early 10x170": 2.291,
    "deep_video_early_multi 10x178": 1.329,
    "deep_video_late 2x170": 2.525,
    "deep_video_late_multi 2x178": 1.51,
    "deep_video_single 1x170": 1.272,
    "deep_video_single_multi 1x178": 0.7642,
    "deep_video_slow 10x170": 4.589,
    "deep_video_slow_multi 10x178": 2.621,
    "i3d_r50 8x256": 37.1,
    "i3d_r50_32x2x1 32x256": 43.27,
    "i3d_r50_heavy_32x2x1 32x256": 165.6,
    "i3d_r50_nl_dot_product 32x256": 59.11,
    "i3d_r50_nl_embedded_gaussian 32x256": 59.11,
    "i3d_r50_nl_gaussian 32x256": 56.29,
    "ig65m_r2plus1d_34_32 32x112": 152.4,
    "ig65m_r2plus1d_34_8 8x112": 38.09,
    "inception_i3d 64x224": 111.2,
    "inception_i3d flow 0.25 16x80": 0.3111,
    "inception_i3d flow 64x224": 102.3,
    "inception_i3d rgb 0.25 16x80": 0.3813,
    "inception_v1 1x224": 1.498,
    "ipcsn_r152_32x2x1 32x256": 108.8,
    "ipcsn_r50_32x2x1 32x256": 62.24,
    "ircsn_r152_32x2x1 32x256": 96.71,
    "ircsn_r50_32x2x1 32x256": 55.26,
    "omni_slowonly_r50 8x256": 54.52,
    "r2plus1d_r34_8x8x1 32x256": 211.9,
    "r2plus1d_r34_8x8x1 8x256": 52.98,
    "r2plus1d_r50 16x256": 75.15,
    "slow_r50 8x256": 54.52,
    "slowfast_r101_8x8x1 32x256": 126.3,
    "slowfast_r101_r50_4x16x1 32x256": 64.62,
    "slowfast_r50 32x256": 65.71,
    "slowfast_r50_4x16x1 32x256": 36.1,
    "slowfast_r50_8x8x1 32x256": 65.71,
    "slowonly_r101_8x8x1 8x256": 111.6,
    "slowonly_r50_16x4x1_flow 16x256": 108.2,
    "slowonly_r50_4x16x1 4x256": 27.26,
    "slowonly_r50_8x8x1 8x256": 54.52,
    "temporalmaxer 2304x2048": 23.48,
    "tsm_r101_1x1x8 8x256": 81.5,
    "tsm_r50_1x1x16 16x224": 65.39,
    "tsm_r50_1x1x16 16x256": 85.41,
    "tsm_r50_1x1x8 8x224": 32.7,
    "tsm_r50_1x1x8 8x256": 42.71,
    "tsn_r101_1x1x8 25x224": 195,
    "tsn_r50_1x1x3 25x224": 102.2,
    "tsn_r50_1x1x8 25x224": 102.2,
    "tsn_r50_5x1x3_flow 25x224": 109.1,
    "tv_mc3_18 16x112": 43.34,
    "tv_r2plus1d_18 16x112": 40.52,
    "tv_r3d_18 16x112": 40.7,
    "tv_s3d 128x224": 143.8,
    "two_stream_flow 25x224": 118.9,
    "two_stream_rgb 25x224": 102.2,
    "x3d_m_16x5x1 16x256": 6.181,
    "x3d_s_13x6x1 13x182": 2.722,
}


def view_of(spec: InputSpec | FeatureSpec, longest: int = 0) -> str:
    """Returns the size of one view: frames or segments by pixels, or rows by features.

    Of whole videos it is the clip of the training, of whole pictures AVA's.

    Args:
      spec: of the network.
      longest: of a localizer: rows that shorter sequences are filled up to.
    """
    if isinstance(spec, FeatureSpec):
        return f"{spec.rows or longest}x{spec.channels}"
    pixels = spec.crop or (_PICTURE if spec.resize == 256 else f"{spec.resize}x{spec.resize}")
    return f"{spec.segments or spec.frames}x{pixels}"


def giga(model: str, view: str, stream: str = "rgb", width: float = 1.0) -> float | None:
    """Returns the multiply-adds of one view in thousand millions, None where not counted.

    Args:
      model: name in the catalogue of models.
      view: as `view_of` gives it.
      stream, width: as for `parameters.count`.
    """
    keys = parameters.variants(model, stream, width)
    return next((_GIGA[f"{key} {view}"] for key in keys if f"{key} {view}" in _GIGA), None)
