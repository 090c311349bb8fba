"""What was compared with other codes or real videos here, by the name of a network or checkpoint.

parity("tsn_r50_1x1x3")            # "tests/golden/models/golden_tsn_r50_1x1x3.npz"
parity("tsn_r101_1x1x8")           # "": not compared
verified("rgb_scratch", "inception_i3d")    # "parity, genuine labels, speed"

Parity: outputs with synthetic weights equal those of the original code within 1e-4 of their
standard deviation; by the files of numbers that the tests read.
"""

_MODELS = (
    *("c3d_16x1x1", "i3d_r50_32x2x1", "i3d_r50_heavy_32x2x1", "i3d_r50_nl_dot_product"),
    *("i3d_r50_nl_embedded_gaussian", "i3d_r50_nl_gaussian", "ipcsn_r152_32x2x1"),
    *("ircsn_r50_32x2x1", "r2plus1d_r34_8x8x1", "slowfast_r50_4x16x1", "slowfast_r50_8x8x1"),
    *("slowonly_r50_16x4x1_flow", "slowonly_r50_4x16x1", "slowonly_r50_8x8x1"),
    *("tsm_r50_1x1x16", "tsm_r50_1x1x8", "tsn_r50_1x1x3", "tsn_r50_1x1x8"),
    *("tsn_r50_5x1x3_flow", "tv_mc3_18", "tv_r2plus1d_18", "tv_r3d_18", "tv_s3d"),
    *("x3d_m_16x5x1", "x3d_s_13x6x1"),
)
_AVA = (
    *("slowfast_r50_4x16x1", "slowfast_r50_4x16x1_context", "slowfast_r50_8x8x1"),
    *("slowfast_r50_8x8x1_temporal_max", "slowonly_r50_4x16x1", "slowonly_r50_4x16x1_nl"),
)
_HUB = ("slow_r50", "c2d_r50", "i3d_r50", "r2plus1d_r50", "slowfast_r50")
_TINY = ("clip_tiny", *(f"actionclip_tiny_8f{end}" for end in ("", "_lstm", "_conv_1d")))
_SIZES = ("actionclip", "actionclip_b32_8f", "actionclip_b16_8f", "clip_b32")
_FOLDER = "tests/golden"
# Network -> file of numbers that the original code computed.
PARITY = (
    {name: f"{_FOLDER}/models/golden_{name}.npz" for name in _MODELS}
    | {f"ava_{name}": f"{_FOLDER}/ava/golden_ava_{name}.npz" for name in _AVA}
    | dict.fromkeys(_HUB, f"{_FOLDER}/pytorchvideo.npz")
    | dict.fromkeys((*_TINY, "actionclip_tiny_8f_transf_cls"), f"{_FOLDER}/actionclip/tiny_s0.npz")
    | dict.fromkeys(_SIZES, f"{_FOLDER}/actionclip/vit_b_s0.npz")
    | {
        "inception_i3d": f"{_FOLDER}/i3d_seed0.npz",
        "omni_slowonly_r50": f"{_FOLDER}/mmaction_omni.npz",
        "c2d_r50_nopool_8x8x1": f"{_FOLDER}/models/golden_tsn_r50_1x1x3.npz",
        "actionformer": f"{_FOLDER}/localization/golden_actionformer_s0.npz",
        "actionformer_w7": f"{_FOLDER}/localization/golden_actionformer_s0.npz",
        "temporalmaxer": f"{_FOLDER}/localization/golden_temporalmaxer_s0.npz",
        "bmn": f"{_FOLDER}/localization/golden_bmn_s0.npz",
        "ig65m_r2plus1d_34_8": "tests/models/test_ig65m.py",  # beside PyTorch in the same run
        "ig65m_r2plus1d_34_32": "tests/models/test_ig65m.py",
    }
)
# Checkpoints that were trained here, whose accuracy checkpoints/README.md has.
OURS = ("demo_rgb", "demo_flow", "demo_detection", "demo_localizer")
# Checkpoints whose published file labelled real videos (tests/test_genuine_weights.py).
GENUINE = ("rgb_scratch",)
_TIMED = (
    *("actionclip_b16_8f", "ava_slowonly_r50_8x8x1", "inception_i3d", "i3d_r50_32x2x1"),
    *("r2plus1d_r34_8x8x1", "slowfast_r50_4x16x1", "slowonly_r50_4x16x1", "tsn_r50_1x1x3"),
)
# Network, or checkpoint of another width -> page that has its time.
SPEED = dict.fromkeys((*_TIMED, "demo_detection"), "docs/speed.md")
SPEED |= dict.fromkeys(("actionformer", "temporalmaxer", "bmn"), "docs/models.md")


# Networks that were not compared -> one that was, which the same code builds: of another depth,
# length, width or head over time.
BUILT_AS = {
    "actionclip_b16_16f": "actionclip_b16_8f",
    "actionclip_b16_32f": "actionclip_b16_8f",
    "actionclip_b16_8f_conv_1d": "actionclip_tiny_8f_conv_1d",
    "actionclip_b16_8f_lstm": "actionclip_tiny_8f_lstm",
    "actionclip_b16_8f_transf_cls": "actionclip_tiny_8f_transf_cls",
    "actionclip_b32_8f_conv_1d": "actionclip_tiny_8f_conv_1d",
    "actionclip_b32_8f_lstm": "actionclip_tiny_8f_lstm",
    "actionclip_b32_8f_transf_cls": "actionclip_tiny_8f_transf_cls",
    "actionclip_l14_8f": "actionclip_b16_8f",
    "ava_slowonly_r101_8x8x1": "ava_slowonly_r50_4x16x1",
    "ava_slowonly_r50_8x8x1": "ava_slowonly_r50_4x16x1",
    "ava_slowonly_r50_8x8x1_nl": "ava_slowonly_r50_4x16x1_nl",
    "c2d_r101_nopool_8x8x1": "c2d_r50_nopool_8x8x1",
    "clip_b16": "actionclip_b16_8f",
    "clip_l14": "actionclip_b16_8f",
    "ipcsn_r50_32x2x1": "ipcsn_r152_32x2x1",
    "ircsn_r152_32x2x1": "ircsn_r50_32x2x1",
    "slowfast_r101_8x8x1": "slowfast_r50_8x8x1",
    "slowfast_r101_r50_4x16x1": "slowfast_r50_4x16x1",
    "slowonly_r101_8x8x1": "slowonly_r50_8x8x1",
    "tsm_r101_1x1x8": "tsm_r50_1x1x8",
    "tsn_r101_1x1x8": "tsn_r50_1x1x8",
    "two_stream_flow": "tsn_r50_5x1x3_flow",
    "two_stream_rgb": "tsn_r50_1x1x3",
}


def parity(model: str) -> str:
    """Returns the file that a network of the catalogue is compared with, "" where there is none."""
    return PARITY.get(model, "")


def verified(name: str, model: str) -> str:
    """Returns what was verified of a checkpoint in a few words, "-" where nothing was.

    Args:
      name: of the card.
      model: its network, "" where its width is not that of the network as published.
    """
    found = {"parity": model in PARITY, "genuine labels": name in GENUINE}
    found |= {"accuracy": name in OURS, "speed": bool({name, model} & set(SPEED))}
    return ", ".join(word for word, there in found.items() if there) or "-"
