"""A network, or several whose logits are added, that names what a video shows.

predictor = load("tsn_r50_1x1x3", "tsn.pth")
predictor.predict("jump.mp4")                        # [("high jump", 0.93), ...]
both = load(["inception_i3d"] * 2, ["rgb_imagenet/model.ckpt", "flow_imagenet/model.ckpt"])
"""

import numpy as np

import i3d.weights
from i3d import models
from i3d.data import read
from i3d.inference import checkpoint as inference_checkpoint
from i3d.inference import record_views
from i3d.inference import views as inference_views
from i3d.inference.streams import computing_in, softmax
from i3d.weights.start import head_classes


class Network:
    """A model with its weights, batch normalisation folded.

    Attributes:
      recipe: the Recipe of its input.
      num_classes: K.
    """

    def __init__(self, choice, precision="float32"):
        """Builds and loads.

        Args:
          choice: choices.Choice.
          precision: "float32" or "bfloat16".

        Raises:
          FileNotFoundError, ValueError: the checkpoint cannot be used; one line.
        """
        self.recipe = choice.recipe
        self.num_classes = head_classes(choice.checkpoint)
        with computing_in(precision):
            model = models.build(
                choice.recipe.model,
                num_classes=self.num_classes,
                channels=choice.recipe.channels,
                frames=choice.recipe.length,
                size=choice.recipe.crop,
                width=choice.recipe.width,
            )
            _load(model, choice)
            self._model = models.fold_batch_norm(model)
        self._model.compile(jit_compile=False)  # XLA makes 3-D convolutions on a CPU slower

    def logits(self, views, batch_size):
        """Returns float32 [V, K] of video_views.Views."""
        return np.concatenate(
            [
                np.asarray(self._model.predict_on_batch(b), np.float32)
                for b in views.batches(batch_size)
            ]
        )


class Predictor:
    """Scores of videos.

    Attributes:
      names: of the classes, K strings.
    """

    def __init__(self, networks, names, batch_size=4):
        """Keeps its arguments.

        Args:
          networks: list of Network of the same K classes.
          names: K strings.
          batch_size: views that a network is given at a time.
        """
        self.names = names
        self._networks, self._batch_size = networks, batch_size

    def predict(self, video, top_k=5):
        """Returns [(name, score)] of the best classes, best first; scores of all add up to 1.

        Args:
          video: path of a file.
          top_k: number of classes.

        Raises:
          i3d.video.frames.VideoError: the file cannot be used.
          FloatingPointError: the logits are not finite.
        """
        found = self.scores(self.opened(video))
        return [(self.names[i], float(found[i])) for i in ranked(found, top_k)]

    def opened(self, video):
        """Returns the video_views.Views of each network; may be called by several threads.

        Args:
          video: path of a file, or i3d.data.read.Place of a stored one.
        """
        source = record_views if isinstance(video, read.Place) else inference_views
        return [source.opened(video, network.recipe) for network in self._networks]

    def scores(self, opened):
        """Returns float32 [K], probabilities, of what `opened` gave.

        One network's views are averaged as its recipe says; logits of several, each the mean
        over its views, are added.

        Raises:
          FloatingPointError: the logits are not finite.
        """
        logits = [
            network.logits(views, self._batch_size)
            for network, views in zip(self._networks, opened, strict=True)
        ]
        if not all(np.isfinite(one).all() for one in logits):
            raise FloatingPointError("logits are not finite; are the weights spoilt?")
        if len(logits) == 1 and self._networks[0].recipe.average == "prob":
            return softmax(logits[0]).mean(axis=0)
        return softmax(sum(one.mean(axis=0) for one in logits))


def load(
    model,
    checkpoint,
    *,
    labels=None,
    precision="float32",
    batch_size=4,
    clips=None,
    crops=None,
):
    """Returns the Predictor of a model with a checkpoint, or of several together.

    Args:
      model: name in the catalogue, None for weights beside the config.json of their training; or
        a list of such.
      checkpoint: path of a TF1 prefix, .weights.h5, .pth or .safetensors file; or as many.
      labels: file of class names (one a line, or JSON), where the checkpoint's are not known.
      precision: "float32" or "bfloat16".
      batch_size: views at a time.
      clips, crops: views of a video, where not as published.

    Raises:
      FileNotFoundError, ValueError: a name or a file cannot be used; one line.
    """
    several = isinstance(checkpoint, list | tuple)
    pairs = zip(model, checkpoint, strict=True) if several else [(model, checkpoint)]
    chosen = [inference_checkpoint.choice_of(m, str(c), clips=clips, crops=crops) for m, c in pairs]
    return of_choices(chosen, labels, precision, batch_size)


def of_choices(chosen, labels=None, precision="float32", batch_size=4):
    """Returns the Predictor of a list of choices.Choice; see `load`."""
    networks = [Network(choice, precision) for choice in chosen]
    if len({network.num_classes for network in networks}) > 1:
        counts = ", ".join(str(network.num_classes) for network in networks)
        raise ValueError(f"expected checkpoints of the same classes, got {counts} classes")
    names = inference_checkpoint.class_names(chosen, networks[0].num_classes, labels)
    return Predictor(networks, names, batch_size)


def ranked(scores, top_k):
    """Returns the numbers of the best classes, best first."""
    return np.argsort(-scores, kind="stable")[:top_k].tolist()


def _load(model, choice):
    try:
        i3d.weights.load(model, choice.checkpoint)
    except ValueError as error:
        line = str(error).partition("\n")[0]
        what = f"{choice.recipe.model} ({choice.recipe.stream}, width {choice.recipe.width:g})"
        raise ValueError(f"{line}; expected a checkpoint of {what}") from error
