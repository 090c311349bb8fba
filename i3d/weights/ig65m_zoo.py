"""Cards of R(2+1)D-34 trained on 65 million videos of Instagram, and the InputSpec of its models.

card = CARDS["r2plus1d_34_clip32_ft_kinetics_from_ig65m-ade133f1.pth"]
card.model, card.top1, card.top5                     # "ig65m_r2plus1d_34_32", 80.0, 94.2
SPECS["ig65m_r2plus1d_34_8"].frames                  # 8

The weights are Facebook's, of VMZ, as converted to PyTorch by ig65m-pytorch. The files that were
not fine-tuned know 359 or 487 hashtags, whose names were not published; they are of use as a
start of training.

Sources: README, models.py and extract.py of moabitcoin/ig65m-pytorch 1.0.0 (files, classes,
statistics); model zoo and test_net.py of facebookresearch/VMZ (accuracies, views: ten clips of
successive frames at 30 per second, resized to 128 x 171).
"""

from i3d.spec import InputSpec
from i3d.weights.cards import KINETICS, Card


def _spec(frames: int) -> InputSpec:
    return InputSpec(frames=frames, fps=30.0, resize=(128, 171), crop=112, **KINETICS)


SPECS = {f"ig65m_r2plus1d_34_{frames}": _spec(frames) for frames in (8, 32)}


def _card(
    frames: int,
    stem: str,
    num_classes: int,
    top1: float | None = None,
    top5: float | None = None,
) -> Card:
    model = f"ig65m_r2plus1d_34_{frames}"
    name = f"r2plus1d_34_clip{frames}_{stem}"
    tuned = "kinetics400" if num_classes == 400 else ""
    return Card(
        name=name,
        file=f"{name}.pth",
        model=model,
        spec=SPECS[model],
        num_classes=num_classes,
        labels=tuned,
        data=tuned,
        top1=top1,
        top5=top5,
        licence="MIT (conversion), Apache-2.0 (VMZ)",
        source="github.com/moabitcoin/ig65m-pytorch",
        integrity=f"sha256:{stem.rpartition('-')[2]}",
        note="" if tuned else "classes are hashtags without names; a start of training",
    )


CARDS = {
    card.file: card
    for card in (
        _card(8, "ft_kinetics_from_ig65m-0aa0550b", 400, 74.9, 91.8),
        _card(32, "ft_kinetics_from_ig65m-ade133f1", 400, 80.0, 94.2),
        _card(8, "ig65m_from_scratch-9bae36ae", 359),
        _card(32, "ig65m_from_scratch-449a7af9", 487),
    )
}
