"""Cards of the checkpoints of action recognition that MMAction2 publishes.

card = CARDS["tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb_20220906-cd10898e.pth"]
card.model, card.top1, card.spec.segments            # "tsn_r50_1x1x3", 72.83, 25

Sources: metafiles and test pipelines of MMAction2 1.2.0. Of AVA: `ava_zoo`; of ActionCLIP:
`clip_zoo`; of BMN: `localization_zoo`.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from i3d.spec import InputSpec
from i3d.weights import cards
from i3d.weights.cards import Card

_CLASSES = {"kinetics400": 400, "kinetics700": 700, "kinetics710": 710, "sthv2": 174, "ucf101": 101}
_IMAGENET: dict[str, Any] = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
# Of the flow recipes: levels of flow, 128 is no motion.
FLOW: dict[str, Any] = {
    "stream": "flow",
    "mean": (128.0,) * 2,
    "std": (128.0,) * 2,
    "flow_method": "tvl1",
    "flow_bound_px": 20.0,
}


def clip_spec(
    frames: int,
    stride: int,
    clips: int = 10,
    crops: int = 3,
    resize: Any = 256,
    crop: int = 256,
    **others: Any,
) -> InputSpec:
    """Returns the InputSpec of clips of a video; `others` are its further fields."""
    views = {"clips": clips, "crops": crops, "resize": resize, "crop": crop}
    return InputSpec(frames=frames, stride=stride, **views, **(_IMAGENET | others))


def tsn_spec(segments: int, frames: int = 1, **others: Any) -> InputSpec:
    """Returns the InputSpec of TSN: ten crops of each segment.

    All crops' segments are averaged before the head: the same as averaging logits.
    """
    spec = clip_spec(frames, 1, crops=10, crop=224, average="logits", **others)
    return dataclasses.replace(spec, segments=segments)


def _tsm(segments, crops=10, crop=224, twice=False):
    spec = clip_spec(1, 1, crops=crops, crop=crop, twice=twice, fixed_segments=True)
    return dataclasses.replace(spec, segments=segments)


def _x3d(frames, stride, size):
    statistics: dict[str, Any] = {"mean": (114.75,) * 3, "std": (57.38,) * 3}
    return clip_spec(
        frames, stride, resize=size, crop=size, fps=30.0, steps_at_fps=True, **statistics
    )


_SPECS = {
    "25x10": tsn_spec(25),
    "16x10": _tsm(16),
    "8x10": _tsm(8),
    "16x3_twice": _tsm(16, crops=3, crop=256, twice=True),
    "8x3_twice": _tsm(8, crops=3, crop=256, twice=True),
    "4x16": clip_spec(4, 16),
    "8x8": clip_spec(8, 8),
    "32x2": clip_spec(32, 2),
    "c2d_nopool": clip_spec(8, 8, resize=224, crop=224, average="logits"),  # as TSN averages
    "c2d_8x8": clip_spec(8, 8, resize=224, crop=224),
    "c2d_16x4": clip_spec(16, 4, resize=224, crop=224),
    # Of CSN from scratch and from Sports-1M, by the data_preprocessor of their configurations
    # (ircsn_r152_32x2x1-180e, ircsn_sports1m-pretrained-r152-bnfrozen_32x2x1-58e and ipcsn's);
    # those from IG-65M keep ImageNet's, of _base_/models/ircsn_r152.py.
    "csn": clip_spec(32, 2, **cards.KINETICS),
    "c3d": clip_spec(16, 1, 10, 1, 128, 112, mean=(104.0, 117.0, 128.0), std=(1.0, 1.0, 1.0)),
    "x3d_s": _x3d(13, 6, 182),
    "x3d_m": _x3d(16, 5, 256),
}
# Our model and the name of its InputSpec; then file without .pth, top-1, top-5.
_TABLE = """
tsn_r50_1x1x3 25x10
  tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb_20220906-cd10898e 72.83 90.65
  tsn_imagenet-pretrained-r50_8xb32-1x1x5-100e_kinetics400-rgb_20220906-65d68713 73.80 91.21
tsn_r50_1x1x8 25x10
  tsn_imagenet-pretrained-r50_8xb32-1x1x8-100e_kinetics400-rgb_20220906-2692d16c 74.12 91.34
  tsn_imagenet-pretrained-r50_8xb32-1x1x8-50e_sthv2-rgb_20230313-06ad7d03 35.51 67.09
  tsn_imagenet-pretrained-r50_8xb32-1x1x16-50e_sthv2-rgb_20230221-85bcc1c3 36.91 68.77
tsn_r101_1x1x8 25x10
  tsn_imagenet-pretrained-r101_8xb32-1x1x8-100e_kinetics400-rgb_20220906-23cff032 75.89 92.07
tsm_r50_1x1x8 8x10
  tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb_20220831-64d69186 73.18 90.56
  tsm_imagenet-pretrained-r50_8xb16-1x1x8-100e_kinetics400-rgb_20220831-a6db1e5d 73.22 90.22
tsm_r50_1x1x8 8x3_twice
  tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e 62.72 87.70
tsm_r50_1x1x16 16x10
  tsm_imagenet-pretrained-r50_8xb16-1x1x16-50e_kinetics400-rgb_20220831-042b1748 75.12 91.55
tsm_r50_1x1x16 16x3_twice
  tsm_imagenet-pretrained-r50_8xb16-1x1x16-50e_sthv2-rgb_20230317-ec6696ad 64.16 88.61
tsm_r101_1x1x8 8x3_twice
  tsm_imagenet-pretrained-r101_8xb16-1x1x8-50e_sthv2-rgb_20230320-efcc0d1b 63.70 88.28
i3d_r50_32x2x1 32x2
  i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb_20220812-e213c223 73.47 91.27
i3d_r50_heavy_32x2x1 32x2
  i3d_imagenet-pretrained-r50-heavy_8xb8-32x2x1-100e_kinetics400-rgb_20220812-ed501b31 76.21 92.48
i3d_r50_nl_dot_product 32x2
  i3d_imagenet-pretrained-r50-nl-dot-product_8xb8-32x2x1-100e_kinetics400-rgb_20220812-8e1f2148 74.80 92.07
i3d_r50_nl_embedded_gaussian 32x2
  i3d_imagenet-pretrained-r50-nl-embedded-gaussian_8xb8-32x2x1-100e_kinetics400-rgb_20220812-afd8f562 74.73 91.80
i3d_r50_nl_gaussian 32x2
  i3d_imagenet-pretrained-r50-nl-gaussian_8xb8-32x2x1-100e_kinetics400-rgb_20220812-0c5cbf5a 73.97 91.33
slowonly_r50_4x16x1 4x16
  slowonly_r50_4x16x1_256e_8xb16_kinetics400-rgb_20220901-f6a40d08 72.68 90.68
  slowonly_imagenet-pretrained-r50_8xb16-4x16x1-steplr-150e_kinetics400-rgb_20220901-e7b65fad 74.83 91.60
  slowonly_imagenet-pretrained-r50_16xb16-4x16x1-steplr-150e_kinetics700-rgb_20220901-f73b3e89 65.18 86.05
slowonly_r50_8x8x1 8x8
  slowonly_r50_8xb16-8x8x1-256e_kinetics400-rgb_20220901-2132fc87 74.82 91.80
  slowonly_imagenet-pretrained-r50_8xb16-8x8x1-steplr-150e_kinetics400-rgb_20220901-df42dc84 75.96 92.40
  slowonly_imagenet-pretrained-r50_16xb16-8x8x1-steplr-150e_kinetics700-rgb_20220901-4098e1eb 66.93 87.47
  slowonly_imagenet-pretrained-r50_32xb8-8x8x1-steplr-150e_kinetics710-rgb_20230612-12ce977c 72.39 90.60
omni_slowonly_r50 8x8
  slowonly_r50_8xb16-8x8x1-256e_imagenet-kinetics400-rgb_20230208-61c4be0d 77.30 93.23
slowonly_r101_8x8x1 8x8
  slowonly_r101_8xb16-8x8x1-196e_kinetics400-rgb_20220901-e6281431 76.28 92.70
slowfast_r50_4x16x1 32x2
  slowfast_r50_8xb8-4x16x1-256e_kinetics400-rgb_20220901-701b0f6f 75.55 92.35
slowfast_r50_8x8x1 32x2
  slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb_20220818-1cb6dfc8 76.80 92.99
  slowfast_r50_8xb8-8x8x1-steplr-256e_kinetics400-rgb_20220818-b62a501f 76.65 92.86
slowfast_r101_8x8x1 32x2
  slowfast_r101_8xb8-8x8x1-256e_kinetics400-rgb_20220901-9c0e09bd 78.65 93.88
slowfast_r101_r50_4x16x1 32x2
  slowfast_r101-r50_32xb8-4x16x1-256e_kinetics400-rgb_20220901-a77ac3ee 77.03 92.99
r2plus1d_r34_8x8x1 8x8
  r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb_20220812-47cfe041 69.76 88.41
r2plus1d_r34_8x8x1 32x2
  r2plus1d_r34_8xb8-32x2x1-180e_kinetics400-rgb_20220812-4270588c 75.46 92.28
c3d_16x1x1 c3d
  c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb_20220811-31723200 83.08 95.93
ircsn_r50_32x2x1 32x2
  ircsn_ig65m-pretrained-r50-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb_20220811-44395bae 79.44 94.26
ircsn_r152_32x2x1 32x2
  ircsn_ig65m-pretrained-r152_8xb12-32x2x1-58e_kinetics400-rgb_20220811-c7a3cc5b 82.87 95.90
  ircsn_ig65m-pretrained-r152-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb_20220811-7d1dacde 82.84 95.92
ircsn_r152_32x2x1 csn
  vmz_ircsn_from_scratch_r152_32x2x1_180e_kinetics400_rgb_20210617-5c933ae1 76.53 92.28
  vmz_ircsn_sports1m_pretrained_r152_32x2x1_58e_kinetics400_rgb_20210617-b9b10241 78.57 93.44
ipcsn_r152_32x2x1 csn
  vmz_ipcsn_from_scratch_r152_32x2x1_180e_kinetics400_rgb_20210617-d565828d 77.80 93.10
  vmz_ipcsn_sports1m_pretrained_r152_32x2x1_58e_kinetics400_rgb_20210617-3367437a 79.07 93.82
ipcsn_r152_32x2x1 32x2
  vmz_ipcsn_ig65m_pretrained_r152_32x2x1_58e_kinetics400_rgb_20210617-c3be9793 82.68 95.69
x3d_s_13x6x1 x3d_s
  x3d_s_13x6x1_facebook-kinetics400-rgb_20201027-623825a0 73.30 -
x3d_m_16x5x1 x3d_m
  x3d_m_16x5x1_facebook-kinetics400-rgb_20201027-3f42382a 76.40 -
c2d_r50_nopool_8x8x1 c2d_nopool
  c2d_r50-in1k-pre-nopool_8xb32-8x8x1-100e_kinetics400-rgb_20221027-e0227b22 73.44 91.00
c2d_r101_nopool_8x8x1 c2d_nopool
  c2d_r101-in1k-pre-nopool_8xb32-8x8x1-100e_kinetics400-rgb_20221027-557bd8bc 74.97 91.77
c2d_r50_8x8x1 c2d_8x8
  c2d_r50-in1k-pre_8xb32-8x8x1-100e_kinetics400-rgb_20221027-3ca304fa 73.89 91.21
c2d_r50_16x4x1 c2d_16x4
  c2d_r50-in1k-pre_8xb32-16x4x1-100e_kinetics400-rgb_20221027-5f382a43 74.97 91.91
"""  # noqa: E501  (names of files)


def rows(table: str) -> Iterator[tuple[str, str, str, float, float | None]]:
    """Yields the model, the name of the InputSpec, the file, top-1 and top-5 of a table's rows."""
    model = spec = ""
    for line in table.strip().splitlines():
        if line.startswith(" "):
            stem, top1, top5 = line.split()
            yield model, spec, stem, float(top1), None if top5 == "-" else float(top5)
        else:
            model, spec = line.split()


def _cards():
    for model, spec, stem, top1, top5 in rows(_TABLE):
        data = next((name for name in _CLASSES if name in stem), "kinetics400")
        yield Card(
            name=stem,
            file=f"{stem}.pth",
            model=model,
            spec=_SPECS[spec],
            num_classes=_CLASSES[data],
            labels=data if data == "kinetics400" else "",  # the lists that are shipped
            data=data,
            top1=top1,
            top5=top5,
            licence="Apache-2.0",
            source="github.com/open-mmlab/mmaction2",
            integrity=f"sha256:{stem.rpartition('-')[2]}",
        )


CARDS = {card.file: card for card in _cards()}
