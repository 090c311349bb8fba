"""Cards of MMAction2's published checkpoints of AVA, and the InputSpec of their models.

card = next(card for card in CARDS.values() if card.model == "ava_slowonly_r101_8x8x1")
card.frame_map, card.data                            # 24.83, "AVA 2.1 validation"
SPECS["ava_slowfast_r50_4x16x1"].frames              # 32

Sources: metafiles and configurations of MMAction2 1.2.0, configs/detection.
"""

from i3d.spec import InputSpec
from i3d.weights.cards import Card


def spec(frames: int, stride: int, resize: int = 256) -> InputSpec:
    """Returns the InputSpec of AVA's test: a clip around each second, whole pictures.

    Videos are resampled to 30 frames per second, as AVA's were made for the published networks.
    """
    return InputSpec(
        frames=frames,
        stride=stride,
        clips=1,
        crops=1,
        fps=30.0,
        resize=resize,
        crop=0,
        activation="sigmoid",
        mean=(123.675, 116.28, 103.53),  # of ImageNet, RGB
        std=(58.395, 57.12, 57.375),
    )


SPECS = {  # of every name in i3d.models.ava.CONFIGS
    "ava_slowonly_r50_4x16x1": spec(4, 16),
    "ava_slowonly_r50_4x16x1_nl": spec(4, 16),
    "ava_slowonly_r50_8x8x1": spec(8, 8),
    "ava_slowonly_r50_8x8x1_nl": spec(8, 8),
    "ava_slowonly_r101_8x8x1": spec(8, 8),
    "ava_slowfast_r50_4x16x1": spec(32, 2),
    "ava_slowfast_r50_4x16x1_context": spec(32, 2),
    "ava_slowfast_r50_8x8x1": spec(32, 2),
    "ava_slowfast_r50_8x8x1_temporal_max": spec(32, 2),
}
# Model, version of AVA, frame mAP at 0.5 in percent, name of the file.
_TABLE = """
ava_slowonly_r50_4x16x1 2.1 20.72
  slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb_20220906-953ef5fe
ava_slowonly_r50_4x16x1 2.1 22.77
  slowonly_kinetics700-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb_20220906-b3b6d44e
ava_slowonly_r50_4x16x1_nl 2.1 21.55
  slowonly_kinetics400-pretrained-r50-nl_8xb16-4x16x1-20e_ava21-rgb_20220906-5ae3f91b
ava_slowonly_r50_8x8x1_nl 2.1 23.77
  slowonly_kinetics400-pretrained-r50-nl_8xb16-8x8x1-20e_ava21-rgb_20220906-9760eadb
ava_slowonly_r101_8x8x1 2.1 24.83
  slowonly_kinetics400-pretrained-r101_8xb16-8x8x1-20e_ava21-rgb_20220906-43f16877
ava_slowfast_r50_4x16x1 2.1 24.32
  slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb_20220906-5180ea3c
ava_slowfast_r50_4x16x1_context 2.1 25.34
  slowfast_kinetics400-pretrained-r50-context_8xb16-4x16x1-20e_ava21-rgb_20220906-5bb4f6f2
ava_slowfast_r50_8x8x1 2.1 25.80
  slowfast_kinetics400-pretrained-r50_8xb8-8x8x1-20e_ava21-rgb_20220906-39133ec7
ava_slowfast_r50_8x8x1 2.2 25.90
  slowfast_kinetics400-pretrained-r50_8xb6-8x8x1-cosine-10e_ava22-rgb_20220906-d934a48f
ava_slowfast_r50_8x8x1_temporal_max 2.2 26.41
  slowfast_kinetics400-pretrained-r50-temporal-max_8xb6-8x8x1-cosine-10e_ava22-rgb_20220906-13a9078e
ava_slowfast_r50_8x8x1_temporal_max 2.2 26.65
  slowfast_r50-k400-pre-temporal-max-focal-alpha3-gamma1_8xb6-8x8x1-cosine-10e_ava22-rgb_20220906-dd59e26f
"""  # noqa: E501  (names of files)


def takes_boxes(model: str | None) -> bool:
    """Returns whether a model of this name scores the actions of people in boxes.

    Keras is not imported, unlike by i3d.models.
    """
    return model in SPECS


def _cards():
    words = _TABLE.split()
    for model, version, score, stem in zip(*(words[i::4] for i in range(4)), strict=True):
        yield Card(
            name=stem,
            file=f"{stem}.pth",
            model=model,
            spec=SPECS[model],
            num_classes=81,
            labels="ava",
            data=f"AVA {version} validation",
            frame_map=float(score),
            licence="Apache-2.0",
            source="github.com/open-mmlab/mmaction2",
            integrity=f"sha256:{stem.rpartition('-')[2]}",
            note="the first of the 81 classes is the background",
        )


CARDS = {card.file: card for card in _cards()}
