"""Layer names of pytorchvideo's hub networks.

    hub("slow_r50")("layer3-0-conv1-conv")       # "blocks.3.res_blocks.0.branch2.conv_a"

Source: state dicts of slow_r50, c2d_r50, i3d_r50, r2plus1d_r50 and slowfast_r50 of
pytorchvideo 0.1.5.
"""

import re

# Start of the model's name -> the blocks of its second stage and of its head.
_BLOCKS = {
    "slow_r50": (2, 5),
    "slowonly_": (2, 5),
    "c2d_r50": (3, 6),  # a pooling is block 2
    "i3d_r50": (3, 6),
    "r2plus1d_r50": (2, 5),
    "slowfast_r50": (2, 6),  # block 5 joins the pathways
}
_PARTS = {  # of a residual block
    "conv1-conv": "branch2.conv_a",
    "conv1-bn": "branch2.norm_a",
    "conv2_t-conv": "branch2.conv_b.conv_t",
    "conv2_t-bn": "branch2.conv_b.norm",
    "conv2-conv": "branch2.conv_b",
    "conv2-bn": "branch2.norm_b",
    "conv3-conv": "branch2.conv_c",
    "conv3-bn": "branch2.norm_c",
    "downsample-conv": "branch1_conv",
    "downsample-bn": "branch1_norm",
}
_PATHWAYS = {
    "slow_path-": "multipathway_blocks.0.",
    "fast_path-": "multipathway_blocks.1.",
    "": "",
}


def hub(model):
    """Returns the function from a layer's name to what pytorchvideo calls it.

    Args:
      model: name in the catalogue; of slow_r50, SlowOnly, c2d_r50, i3d_r50, r2plus1d_r50 and
        slowfast_r50.
    """
    second, head = next(blocks for start, blocks in _BLOCKS.items() if model.startswith(start))

    def named(layer):
        if layer == "Logits":
            return f"blocks.{head}.proj"
        pathway, rest = re.fullmatch("((?:slow|fast)_path-)?(.*)", layer).groups("")
        place, _, part = rest.partition("-")
        stage = int(re.search(r"\d", place)[0]) if place.startswith("layer") else 0
        block = f"blocks.{stage + second - 2 if stage > 1 else stage}"
        kind = {"conv": "conv", "bn": "norm"}.get(part.rpartition("-")[2])
        if place.endswith("_lateral"):
            kind = {"conv": "conv_fast_to_slow", "norm": "norm"}[kind]
            return f"{block}.multipathway_fusion.{kind}"
        if not stage:
            return f"{block}.{_PATHWAYS[pathway]}{kind}"
        number, _, part = part.partition("-")
        inside = _PARTS[part]
        if model == "r2plus1d_r50" and part == "conv2-conv":
            inside += ".conv_xy"
        return f"{block}.{_PATHWAYS[pathway]}res_blocks.{number}.{inside}"

    return named
