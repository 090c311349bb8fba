"""Cards of the video networks that torchvision and pytorchvideo's hub publish.

card = CARDS["r3d_18-b3b3357e.pth"]
card.model, card.top1, card.spec.clips               # "tv_r3d_18", 63.2, 5

Sources: documentation of torchvision, model zoo and hub pages of pytorchvideo 0.1.5.
"""

from typing import Any

from i3d.weights.cards import KINETICS, Card
from i3d.weights.mmaction_zoo import clip_spec, rows


def _hub(frames, stride):
    """Frames are spread over 64 of 30 per second; `stride` is the whole step nearest to that."""
    statistics: dict[str, Any] = {"mean": (114.75,) * 3, "std": (57.375,) * 3}
    return clip_spec(frames, stride, fps=30.0, steps_at_fps=True, **statistics)


def _torchvision(frames, clips, resize, crop):
    return clip_spec(frames, 1, clips, 1, resize, crop, fps=15.0, **KINETICS)


_SPECS = {
    "hub_8x8": _hub(8, 9),
    "hub_16x4": _hub(16, 4),
    "hub_32x2": _hub(32, 2),
    "tv_18": _torchvision(16, 5, (128, 171), 112),
    "tv_s3d": _torchvision(128, 1, (256, 256), 224),
}
# Our model and the name of its InputSpec; then file without .pth (or with .pyth), top-1, top-5.
_TABLE = """
slow_r50 hub_8x8
  SLOW_8x8_R50.pyth 74.58 91.63
c2d_r50 hub_8x8
  C2D_8x8_R50.pyth 71.46 89.68
i3d_r50 hub_8x8
  I3D_8x8_R50.pyth 73.27 90.70
r2plus1d_r50 hub_16x4
  R2PLUS1D_16x4_R50.pyth 76.01 92.23
slowfast_r50 hub_32x2
  SLOWFAST_8x8_R50.pyth 76.94 92.69
tv_r3d_18 tv_18
  r3d_18-b3b3357e 63.200 83.479
tv_mc3_18 tv_18
  mc3_18-a90a0ba3 63.960 84.130
tv_r2plus1d_18 tv_18
  r2plus1d_18-91a641e6 67.463 86.175
tv_s3d tv_s3d
  s3d-d76dad2f 68.368 88.050
"""


def _cards():
    for model, spec, stem, top1, top5 in rows(_TABLE):
        hub = stem.endswith(".pyth")  # such a name has no checksum
        yield Card(
            name=stem.removesuffix(".pyth"),
            file=stem if hub else f"{stem}.pth",
            model=model,
            spec=_SPECS[spec],
            num_classes=400,
            labels="kinetics400",
            data="kinetics400",
            top1=top1,
            top5=top5,
            licence="Apache-2.0" if hub else "BSD-3-Clause",
            source=f"github.com/{'facebookresearch/pytorchvideo' if hub else 'pytorch/vision'}",
            integrity="" if hub else f"sha256:{stem.rpartition('-')[2]}",
        )


CARDS = {card.file: card for card in _cards()}
