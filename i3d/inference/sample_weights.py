"""Selects the published I3D checkpoints for a sample, and a substitute where they are missing.

    cards = named("joint", imagenet=True)                  # {"rgb": Card, "flow": Card}
    cards = instead(error, cards, folder)                  # {"rgb": the card of rgb_scratch}

TensorFlow is not imported here.
"""

import sys
from pathlib import Path

from i3d.weights import download, find, package
from i3d.weights.cards import CARDS, DEMO_CARDS, Card
from i3d.weights.download import DownloadError
from i3d.weights.files import FILES

STREAMS = {"rgb": ("rgb",), "rgb600": ("rgb",), "flow": ("flow",), "joint": ("rgb", "flow")}
_EASIEST = CARDS[package.NAME]  # is in the Python package index, too
_FLAGS = {  # by which a checkpoint is asked for alone
    "rgb_imagenet": "--eval_type=rgb",
    "rgb_scratch": "--eval_type=rgb --noimagenet_pretrained",
    "flow_imagenet": "--eval_type=flow",
    "flow_scratch": "--eval_type=flow --noimagenet_pretrained",
    "rgb_scratch_kin600": "--eval_type=rgb600",
}


def named(eval_type: str, imagenet: bool) -> dict[str, Card]:
    """Returns {stream: Card} of the published checkpoints.

    Args:
      eval_type: a key of STREAMS.
      imagenet: whether they were initialised from ImageNet.
    """
    start = "imagenet" if imagenet else "scratch"
    names = [f"{stream}_{start}" for stream in STREAMS[eval_type]]
    names = ["rgb_scratch_kin600"] if eval_type == "rgb600" else names
    return {CARDS[name].spec.stream: CARDS[name] for name in names}


def demo(eval_type: str) -> dict[str, Card]:
    """Returns {stream: Card} of the demo weights; {} for rgb600, of which there are none."""
    return {s: DEMO_CARDS[f"demo_{s}"] for s in STREAMS[eval_type]} if eval_type != "rgb600" else {}


def arrays_of(cards: dict[str, Card], given: dict[str, str | None], folder: Path) -> dict:
    """Returns {stream: Path} of the sample arrays: those given, else the published ones."""
    published = {stream: FILES[f"sample_{stream}"][0].target for stream in cards}
    return {stream: Path(given[stream] or folder / published[stream]) for stream in cards}


def fetch(cards: dict[str, Card], arrays: dict, folder: Path) -> None:
    """Downloads those checkpoints and published sample arrays that are not in `folder`.

    Args:
      cards: {stream: Card}.
      arrays: {stream: Path} as `arrays_of` returns it, {} for a video.
      folder: of checkpoints.

    Raises:
      DownloadError: some cannot be had; names each file that is missing.
    """
    names = [card.name for card in cards.values() if not find.is_there(card, folder)]
    names += [f"sample_{s}" for s, path in arrays.items() if not path.exists()]
    download.fetch(names, folder)


def offered(cards: dict[str, Card], folder: Path) -> str:
    """Returns lines on the checkpoints that could be asked for in the place of `cards`."""
    there = [c for c in CARDS.values() if find.is_there(c, folder) and c not in cards.values()]
    if there:
        return "".join(
            f"\n{c.name} is in {folder}; it is used with {_FLAGS[c.name]}" for c in there
        )
    if _EASIEST in cards.values():
        return ""
    return f"\n{_EASIEST.name} can be had by pip, too; it is used with {_FLAGS[_EASIEST.name]}"


def instead(error: DownloadError, cards: dict[str, Card], folder: Path) -> dict[str, Card]:
    """Returns {"rgb": the card of rgb_scratch}, for checkpoints that cannot be had.

    It is downloaded where it is missing. What is missing for `cards`, and what was taken with its
    published accuracy, goes to standard error.

    Raises:
      DownloadError: it cannot be had either.
    """
    there = find.is_there(_EASIEST, folder)
    try:
        if not there:
            download.fetch([_EASIEST.name], folder, base_url=None)  # the source did not answer
    except DownloadError as second:
        reason, _, missing = str(error).partition("\n")
        raise DownloadError(f"{reason}; {str(second).splitlines()[0]}\n{missing}") from error
    alone = " alone" if len(cards) > 1 else ""
    print(
        f"{error}\n{' and '.join(card.name for card in cards.values())} cannot be had: "
        f"{_EASIEST.name}, {'already' if there else 'now'} in {folder}, is used, RGB{alone}; "
        f"published accuracy {_EASIEST.score()}",
        file=sys.stderr,
    )
    return {"rgb": _EASIEST}
