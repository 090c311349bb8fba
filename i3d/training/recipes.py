"""The recipes of i3d/configs by name, wherever this package lies.

    recipes.names()                              # ("c3d/finetune", ..., "tsn/finetune", ...)
    recipes.path_of("tsn/finetune")              # its file; that of a user stays as it is
    argv = recipes.with_paths(argv)              # --config=tsn/finetune: its file's path

Public as `i3d.config.names` and `i3d.config.path_of`.
"""

import difflib
import os
import re
from pathlib import Path

from i3d.runtime.command import UserError

_FOLDER = Path(__file__).resolve().parents[1] / "configs"  # FAMILY/NAME.py


def names() -> tuple[str, ...]:
    """Returns the names of the recipes in i3d/configs, such as "tsn/finetune", sorted."""
    return tuple(sorted(f"{path.parent.name}/{path.stem}" for path in _FOLDER.glob("*/*.py")))


def path_of(name: str) -> str:
    """Returns the path of a configuration: a file as it is, a recipe's name as its file.

    Args:
      name: path of a file, which wins; or "tsn/finetune", also as "configs/tsn/finetune.py".

    Raises:
      UserError: it is neither; the message names the nearest recipe.
    """
    if os.path.isfile(name):
        return name
    recipe = name.removeprefix("./").removeprefix("i3d/configs/").removeprefix("configs/")
    recipe = recipe.removesuffix(".py")
    known = names()
    if recipe in known:
        return str(_FOLDER / f"{recipe}.py")
    near = [one for one in known if one.endswith(f"/{recipe}")]  # "finetune": I3D's own first
    near = sorted(near, key=lambda one: not one.startswith("i3d/"))
    near = near or difflib.get_close_matches(recipe, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"expected a file, or one of {', '.join(known)}"
    raise UserError(f"--config: {name}: no such file or recipe; {hint}")


def with_paths(argv: list[str]) -> list[str]:
    """Returns a command line in which --config names a file.

    Raises:
      UserError: as `path_of`.
    """
    words = list(argv)
    for place, word in enumerate(words):
        if match := re.fullmatch(r"(--?config)=(.+)", word):
            words[place] = f"{match[1]}={path_of(match[2])}"
        elif place and re.fullmatch(r"--?config", words[place - 1]):
            words[place] = path_of(word)
    return words
