"""Finds checkpoints: by the name of their card, in the folder of checkpoints.

    path_of("rgb_scratch")               # '.../rgb_scratch/model.ckpt', downloaded where missing
    path_of("runs/x/best.weights.h5")    # a path stays as it is
    folder()                             # where published checkpoints are looked for

TensorFlow is not imported here.
"""

import difflib
import os
import sys
from pathlib import Path

from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.weights import zoo
from i3d.weights.cards import CARDS, DEMO_CARDS, Card
from i3d.weights.files import FILES
from i3d.weights.kinds import taken_by

NAMED = CARDS | DEMO_CARDS  # cards that can be asked for by name
_PACKAGE = Path(__file__).resolve().parent  # holds demo/


def path_of(checkpoint: str | os.PathLike) -> str:
    """Returns the path of a checkpoint that is given by its path or by the name of its card.

    A published checkpoint that is asked for by name and is not on disk is downloaded into
    `folder()`, which is said on standard error.

    Args:
      checkpoint: a path, which wins where there is such a file, or a key of NAMED.

    Returns:
      the path as `i3d.weights.load` takes it; anything that is neither is returned unchanged.

    Raises:
      UserError: there is no such file, and it is nearly the name of a card.
      i3d.weights.download.DownloadError: the checkpoint cannot be downloaded.
    """
    name = os.fspath(checkpoint)
    if _is_file(name):
        return name
    card = NAMED.get(name)
    if card is None:
        files = (name + end for end in ("", ".pth", ".pyth", ".pt"))
        for listed in filter(None, map(zoo.EVERY_CARD.get, files)):
            raise UserError(
                f"{name}: is not downloaded by name; get {listed.file} from {listed.source} and "
                "give its path"
            )
        if near := difflib.get_close_matches(name.lower(), NAMED, 1, 0.75):
            raise UserError(f"{name}: no such checkpoint; did you mean {near[0]}?")
        return name
    directory = folder()
    if not is_there(card, directory):
        from i3d.weights import download  # here, so that the rest needs no network library

        print(f"{name} is not in {directory}: downloading it", file=sys.stderr, flush=True)
        download.fetch([name], directory)
    return str(file_of(card, directory))


def offered(takes: str = "videos") -> str:
    """Returns the names of NAMED whose models take "videos", "boxes" or "features"."""
    return ", ".join(name for name, card in NAMED.items() if taken_by(card.model) == takes)


def is_missing(checkpoint: str) -> bool:
    """Returns whether `path_of` would download a checkpoint."""
    named = checkpoint in NAMED and not _is_file(checkpoint)
    return named and not is_there(NAMED[checkpoint], folder())


def _is_file(checkpoint: str) -> bool:
    return os.path.isfile(checkpoint) or os.path.isfile(f"{checkpoint}.index")


def folder() -> Path:
    """Returns the folder of published checkpoints; it need not exist.

    $I3D_CHECKPOINTS where it is set; else ./checkpoints where it holds one of them; else
    checkpoints/ of the checkout that this package runs from; else i3d/checkpoints in the user's
    cache folder ($XDG_CACHE_HOME or ~/.cache).
    """
    if named := os.environ.get("I3D_CHECKPOINTS"):
        return Path(named).expanduser()
    here, checkout = Path("checkpoints"), _PACKAGE.parents[1] / "checkpoints"
    if any(is_there(card, here) for card in CARDS.values()):
        return here
    if (checkout / "README.md").is_file():
        return checkout
    return files.user_cache("checkpoints")


def file_of(card: Card, directory: Path) -> Path:
    """Returns the path of a named card's checkpoint; the demo weights lie in this package."""
    return Path(_PACKAGE if card.name in DEMO_CARDS else directory, card.file)


def is_there(card: Card, directory: Path) -> bool:
    """Returns whether all files of a named card's checkpoint exist; they are not read."""
    if card.name in DEMO_CARDS:
        return file_of(card, directory).exists()
    return all((directory / item.target).exists() for item in FILES[card.name][:2])
