"""Parameter counts of the networks and of their checkpoints, without building them.

count("inception_i3d", num_classes=400)        # 12704544
"""

# Model (its stream, or channels of features, and its width, where it is published with several):
# parameters without the head, and those of the head for each class (and for its square). The
# moving statistics of batch normalisation count.
_COUNTS = {
    "inception_i3d": (12_294_544, 1025),
    "inception_i3d flow": (12_272_592, 1025),
    "inception_i3d rgb 0.25": (784_852, 257),
    "inception_i3d flow 0.25": (779_364, 257),
    "tsn_r50_1x1x3": (23_561_152, 2049),
    "tsn_r50_1x1x8": (23_561_152, 2049),
    "tsn_r101_1x1x8": (42_605_504, 2049),
    "tsm_r50_1x1x8": (23_561_152, 2049),
    "tsm_r50_1x1x16": (23_561_152, 2049),
    "tsm_r101_1x1x8": (42_605_504, 2049),
    "i3d_r50_32x2x1": (27_276_992, 2049),
    "i3d_r50_heavy_32x2x1": (32_257_728, 2049),
    "i3d_r50_nl_dot_product": (34_639_552, 2049),
    "i3d_r50_nl_embedded_gaussian": (34_639_552, 2049),
    "i3d_r50_nl_gaussian": (30_965_440, 2049),
    "slowonly_r50_4x16x1": (31_687_616, 2049),
    "slowonly_r50_8x8x1": (31_687_616, 2049),
    "slowonly_r101_8x8x1": (59_644_864, 2049),
    "slowfast_r50_4x16x1": (33_617_048, 2305),
    "slowfast_r50_8x8x1": (33_703_320, 2305),
    "slowfast_r101_8x8x1": (62_108_824, 2305),
    "slowfast_r101_r50_4x16x1": (61_574_296, 2305),
    "r2plus1d_r34_8x8x1": (63_605_209, 513),
    "c3d_16x1x1": (77_995_776, 4097),
    "omni_slowonly_r50": (31_687_616, 4107, 2),  # the hidden layer has 2 outputs for each class
    "c2d_r50_nopool_8x8x1": (23_561_152, 2049),
    "c2d_r101_nopool_8x8x1": (42_605_504, 2049),
    "c2d_r50_8x8x1": (23_561_152, 2049),
    "c2d_r50_16x4x1": (23_561_152, 2049),
    "ircsn_r50_32x2x1": (12_364_672, 2049),
    "ircsn_r152_32x2x1": (29_035_392, 2049),
    "ipcsn_r50_32x2x1": (13_637_248, 2049),
    "ipcsn_r152_32x2x1": (32_372_352, 2049),
    "x3d_s_13x6x1": (3_006_186, 2049),
    "x3d_m_16x5x1": (3_006_186, 2049),
    "slow_r50": (31_687_616, 2049),
    "c2d_r50": (23_561_152, 2049),
    "i3d_r50": (27_276_992, 2049),
    "r2plus1d_r50": (27_348_672, 2049),
    "slowfast_r50": (33_705_176, 2305),
    "ava_slowonly_r50_4x16x1": (31_687_616, 2049),
    "ava_slowonly_r50_4x16x1_nl": (39_050_176, 2049),
    "ava_slowonly_r50_8x8x1_nl": (39_050_176, 2049),
    "ava_slowonly_r101_8x8x1": (59_644_864, 2049),
    "ava_slowonly_r50_8x8x1 rgb 0.1": (288_330, 193),
    "ava_slowfast_r50_4x16x1": (33_617_048, 2305),
    "ava_slowfast_r50_4x16x1_context": (33_617_048, 4609),
    "ava_slowfast_r50_8x8x1": (33_703_320, 2305),
    "ava_slowfast_r50_8x8x1_temporal_max": (33_703_320, 2305),
    "actionformer": (29_220_872, 1537),
    "bmn 400": (4_978_564, 0),
    "bmn 2048": (5_294_980, 0),
    "tv_r3d_18": (33_175_872, 513),
    "tv_mc3_18": (11_499_840, 513),
    "tv_r2plus1d_18": (31_325_475, 513),
    "tv_s3d": (7_931_264, 1025),
    "ig65m_r2plus1d_34_8": (63_542_263, 513),
    "ig65m_r2plus1d_34_32": (63_542_263, 513),
    "actionclip_b32_8f": (170_231_091, 0),  # both towers; classes are texts
    "actionclip_b16_8f": (168_574_662, 0),
    "actionclip_b16_16f": (168_574_662, 0),
    "actionclip_b16_32f": (168_574_662, 0),
    "actionclip_l14_8f": (470_203_138, 0),
    "clip_b32": (151_277_363, 0),
    "clip_b16": (149_620_934, 0),
    "clip_l14": (427_616_770, 0),
    # Networks without a published checkpoint here.
    "actionclip": (168_574_662, 0),
    "actionclip_b16_8f_conv_1d": (149_622_470, 0),
    "actionclip_b16_8f_lstm": (151_720_134, 0),
    "actionclip_b16_8f_transf_cls": (168_541_382, 0),
    "actionclip_b32_8f_conv_1d": (151_278_899, 0),
    "actionclip_b32_8f_lstm": (153_376_563, 0),
    "actionclip_b32_8f_transf_cls": (170_197_811, 0),
    "actionclip_tiny_8f": (8_431_890, 0),
    "actionclip_tiny_8f_conv_1d": (8_127_250, 0),
    "actionclip_tiny_8f_lstm": (8_160_082, 0),
    "actionclip_tiny_8f_transf_cls": (9_814_738, 0),
    "actionformer_w7": (29_220_872, 1537),
    "ava_slowonly_r50_8x8x1": (31_687_616, 2049),
    "clip_tiny": (8_127_058, 0),
    "cnn_lstm_r50": (25_921_472, 257),
    "deep_video_early": (72_226_464, 4097),
    "deep_video_early_multi": (127_667_520, 4097),
    "deep_video_late": (123_293_056, 4097),
    "deep_video_late_multi": (229_800_704, 4097),
    "deep_video_single": (71_912_832, 4097),
    "deep_video_single_multi": (127_040_256, 4097),
    "deep_video_slow": (73_516_512, 4097),
    "deep_video_slow_multi": (130_247_616, 4097),
    "inception_v1": (5_607_184, 1025),
    "slowonly_r50_16x4x1_flow": (31_684_480, 2049),
    "temporalmaxer": (7_087_112, 1537),
    "tsn_r50_5x1x3_flow": (23_583_104, 2049),
    "two_stream_flow": (23_614_464, 2049),
    "two_stream_rgb": (23_561_152, 2049),
    "actionformer_w7 512 0.125": (519_176, 193),
}


def count(model: str, num_classes: int, stream: str = "rgb", width: float = 1.0) -> int | None:
    """Returns the number of parameters, None for models that are not in the catalogue.

    It is also None where the head counts and its number of classes is 0, not known.
    """
    keys = variants(model, stream, width)
    found = next((_COUNTS[key] for key in keys if key in _COUNTS), None)
    if found is None or (found[1] and not num_classes):
        return None
    return sum(number * num_classes**power for power, number in enumerate(found))


def variants(model: str, stream: str, width: float) -> tuple[str, ...]:
    """Returns the keys under which a table may hold a network, the most particular first."""
    return (f"{model} {stream} {width:g}",) if width != 1 else (f"{model} {stream}", model)
