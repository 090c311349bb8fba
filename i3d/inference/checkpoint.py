"""Which network a user asks for: its recipe, its checkpoint and the names of its classes.

    choice = choice_of("tsn_r50_1x1x3", "tsn.pth")
    choice = choice_of(None, "runs/rgb/best.weights.h5")       # by the run's config.json
    names = class_names([choice], num_classes=400, labels="names.txt")

TensorFlow is not imported here.
"""

import dataclasses
import json
import os
from pathlib import Path

from i3d.data import schema
from i3d.inference.recipes import Recipe, published_model, recipe_of, recipe_of_run
from i3d.weights import cards

RUN_FILE = "config.json"  # as i3d.training.folder writes it


@dataclasses.dataclass(frozen=True)
class Choice:
    """A network to be used.

    Attributes:
      recipe: Recipe.
      checkpoint: path, as i3d.weights.load takes it.
      names: of the classes, in the order of the logits; () where they are not known.
      note: "" or a line that a user should read.
    """

    recipe: Recipe
    checkpoint: str
    names: tuple = ()
    note: str = ""

    def __str__(self):
        """Returns one line on the network and its views."""
        r = self.recipe
        unit = "segment" if r.segments else "clip"
        each = f" of {r.frames} {'fields' if r.stream == 'flow' else 'frames'}, stride {r.stride}"
        rate = f"{r.fps:g} fps" if r.fps else "own frame rate"
        means = {"prob": "softmax, then mean", "logits": "mean of logits"}[r.average]
        return (
            f"{r.model} {r.stream}, {self.checkpoint}: {r.clips * (1 + r.twice)} {unit}(s)"
            f"{each if r.frames > 1 else ''} x {r.crops} crop(s) of {r.crop} px, {rate}; "
            f"{means} over {r.num_views} view(s)"
        )


def choice_of(model, checkpoint, settings=None, clips=None, crops=None):
    """Returns the Choice of a model and a checkpoint.

    Args:
      model: name in the catalogue; None for files of a published name, and for weights of a
        training run.
      checkpoint: path.
      settings: {"data.size": 224, ...} of the run; None reads config.json beside the checkpoint.
      clips, crops: in place of those of the recipe.

    Raises:
      ValueError: a name, number or file is not as expected.
      FileNotFoundError: there is no such checkpoint.
    """
    if not any(map(os.path.exists, (checkpoint, f"{checkpoint}.index"))):
        raise FileNotFoundError(f"{checkpoint}: no such checkpoint")
    model = model or (None if settings else published_model(checkpoint))
    choice = _of_model(model, checkpoint) if model else _of_run(checkpoint, settings)
    return dataclasses.replace(choice, recipe=with_views(choice.recipe, clips, crops))


def with_views(recipe, clips=None, crops=None):
    """Returns the Recipe with other clips and crops, None: its own.

    Raises:
      ValueError: the network takes no other number of clips.
    """
    if recipe.model.startswith("tsm_") and clips not in (None, recipe.clips):
        raise ValueError(f"--clips: {recipe.model} takes {recipe.clips} segments, no others")
    given = {"clips": clips, "crops": crops}
    recipe = dataclasses.replace(recipe, **{k: v for k, v in given.items() if v is not None})
    if recipe.crops == 3:  # squares as high as the pictures, at the size that the network knows
        recipe = dataclasses.replace(recipe, resize=recipe.crop)
    return recipe


def _of_model(model, checkpoint):
    recipe = recipe_of(model, checkpoint)
    if published_model(checkpoint):
        return Choice(recipe, checkpoint, cards.class_names(recipe.labels) if recipe.labels else ())
    note = f"{checkpoint}: not a published name; taken as {model} is tested by default"
    return Choice(recipe, checkpoint, (), note)


def _of_run(checkpoint, settings):
    file = Path(checkpoint).parent / RUN_FILE
    if settings is None:
        try:
            settings = dict(json.loads(file.read_text()))
        except FileNotFoundError:
            raise ValueError(
                f"{checkpoint}: which model? expected --model=NAME, the --config of its training, "
                f"or the run's {RUN_FILE} beside it"
            ) from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file}: cannot be read: {error}") from error
    folder = Path(settings.get("data.records") or ".")
    made, note = _made(folder), ""
    side, fps = made.get("short_side", schema.SHORT_SIDE), made.get("fps", schema.FPS)
    if not made:
        note = f"{folder}: records of the training are not there; taken as {fps:g} fps, {side} px"
    names = folder / "label.labels.txt"
    names = read_names(names) if names.is_file() else ()
    return Choice(recipe_of_run(settings, side, fps), checkpoint, names, note)


def _made(folder):
    """Returns how a data set was built, {} where that is not known."""
    try:
        return json.loads((folder / "build.json").read_text())["recipe"]
    except (OSError, ValueError, KeyError):
        return {}


def read_names(path):
    """Returns the class names in a file: one a line, or JSON (a list, or {"0": name, ...}).

    Raises:
      ValueError: it is something else.
      OSError: it cannot be read.
    """
    text = Path(path).read_text(encoding="utf-8")
    if Path(path).suffix != ".json":
        return tuple(text.rstrip().splitlines())
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if isinstance(found, dict):
        found = found.get("classes", found)
    if isinstance(found, dict) and {str(i) for i in range(len(found))} == set(found):
        found = [found[str(i)] for i in range(len(found))]
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f'{path}: expected a JSON list of names, or {{"0": name, "1": ...}}')
    return tuple(found)


def class_names(choices, num_classes, labels=None):
    """Returns `num_classes` names, the numbers of the classes where none are known.

    Args:
      choices: list of Choice, whose names are taken without `labels`.
      num_classes: of the checkpoints.
      labels: file for `read_names`, or None.

    Raises:
      ValueError: there are more or fewer names, or the choices have different ones.
      OSError: the file cannot be read.
    """
    if labels:
        names = read_names(labels)
        if len(names) != num_classes:
            raise ValueError(
                f"{labels}: expected {num_classes} names, as the checkpoint has classes, got "
                f"{len(names)}"
            )
        return names
    known = {choice.names for choice in choices if len(choice.names) == num_classes}
    if len(known) > 1:
        raise ValueError("the models have different class names: they cannot be added")
    return known.pop() if known else tuple(map(str, range(num_classes)))
