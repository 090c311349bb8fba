"""Zero-shot classification: a network with a text tower, and labels as its constant classes.

    model = i3d.models.build("actionclip_b16_8f")
    text = text_features(model, ["falling", "sitting down"])    # float32 [P, K, D], of unit length
    logits = TextHead(text)(video_part(model)(frames))          # [B, K]; softmax: probabilities

As ActionCLIP is tested (Wang et al. 2021, arXiv:2109.08472, and test.py of its code): each label
in 16 templates, softmax over the labels for each template, then the mean of the 16 probabilities.
The mean of the embeddings is something else. Text features are kept in memory and, by text_cache,
on disk.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from i3d.inference import compiled, label_check, text_cache
from i3d.inference.few_shot import unit
from i3d.inference.text import Text
from i3d.models import actionclip, tokenizer
from i3d.runtime.command import UserError
from i3d.runtime.labels import shortened
from i3d.runtime.progress import Progress

_BATCH = 64  # prompts at a time
_KEPT = 8  # lists of labels of which features are kept in memory


class TextHead(keras.layers.Layer):
    """Video features float [B, D] -> log probabilities float32 [B, K] of constant texts.

    They are logits, too: their softmax is the mean over the templates of softmax(scale * cosine).
    Computes in float32 under any precision.
    """

    def __init__(self, text: np.ndarray, scale: float = actionclip.SCALE) -> None:
        """Keeps its arguments.

        Args:
          text: float32 [P, K, D] of P templates and K classes, of unit length.
          scale: of the cosine.
        """
        super().__init__(dtype="float32", name="Logits", trainable=False)
        self.text, self.scale = np.asarray(text, np.float32), scale

    def of(self, text: np.ndarray) -> "TextHead":
        """Returns the TextHead of other text features with the same scale."""
        return TextHead(text, self.scale)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Returns [B, K]."""
        return shape[0], self.text.shape[1]

    def call(self, features: Any) -> Any:
        """Returns the log probabilities, finite also where float32 holds no probability."""
        count, classes, width = self.text.shape
        rows = ops.normalize(features, axis=-1)
        texts = ops.convert_to_tensor(self.text.reshape(count * classes, width))
        cosines = ops.reshape(ops.matmul(rows, ops.transpose(texts)), (-1, count, classes))
        each = ops.log_softmax(self.scale * cosines, axis=-1)
        return ops.logsumexp(each, axis=1) - math.log(count)


class TextTower:
    """The text tower of a model with its weights: from labels to features.

    Attributes:
      on_disk: whether features are read from the disk and written there, see text_cache.
    """

    def __init__(self, model: keras.Model, on_disk: bool = True) -> None:
        """Keeps a model of the catalogue that takes text, with its weights loaded.

        Args:
          model: keras.Model.
          on_disk: False for weights that go on changing: nothing is read or written there.
        """
        self._model, self._part = model, actionclip.text_part(model)
        self.on_disk = on_disk
        self._kept: dict[tuple, np.ndarray] = {}

    def head(self, text: Text) -> TextHead:
        """Returns the TextHead of labels; UserError as `features`."""
        features = self.features(text.labels, text.split_camel_case)
        return TextHead(features, self.scale(text.learned_scale))

    def scale(self, learned: bool) -> float:
        """Returns what the cosine is multiplied by: 100, or the learned scale."""
        if not learned:
            return actionclip.SCALE
        return math.exp(float(ops.convert_to_numpy(actionclip.log_scale(self._model))))

    def features(self, labels: Sequence[str], split_camel_case: bool = False) -> np.ndarray:
        """Returns float32 [P, K, D], of unit length, of K labels in P templates.

        Raises:
          UserError: a label has too many tokens, or two are the same text.
        """
        asked = (tuple(labels), split_camel_case)
        if asked not in self._kept:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            rows = tokens_of(labels, split_camel_case)
            self._kept[asked] = unit(self._found(rows)).reshape(-1, len(labels), self._width)
        return self._kept[asked]

    @property
    def _width(self):
        return self._part.output.shape[-1]

    def _found(self, rows):
        """Returns float32 [N, D] of tokens, from the disk where they are there."""
        if not self.on_disk:
            return self._computed(tokenizer.trimmed(rows))
        key = text_cache.key_of(self._digest, rows, _precision(self._part))
        found = text_cache.get(key)
        if found is None or found.shape != (len(rows), self._width):
            found = self._computed(tokenizer.trimmed(rows))
            text_cache.put(key, found)
        return found

    @functools.cached_property
    def _digest(self):
        return text_cache.digest_of([w for w in self._part.get_weights()])

    def _computed(self, rows):
        """Returns float32 [N, D] of tokens [N, L], batch by batch; shows how far it is."""
        step = compiled.of(self._part)
        found, size = [], min(_BATCH, len(rows))
        with Progress(len(rows), "prompt", "text features") as progress:
            for begin in range(0, len(rows), size):
                batch = rows[begin : begin + size]
                filled = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
                found.append(ops.convert_to_numpy(step(filled))[: len(batch)])
                for _ in batch:
                    progress.add()
        return np.concatenate(found)


def text_features(
    model: keras.Model, labels: Sequence[str], split_camel_case: bool = False
) -> np.ndarray:
    """Returns float32 [P, K, D], of unit length, of K labels in the P templates of ActionCLIP.

    Args:
      model: of the catalogue, with a text tower and its weights.
      labels: K texts.
      split_camel_case: whether "ApplyEyeMakeup" becomes "Apply Eye Makeup".

    Raises:
      UserError: as `TextTower.features`.
    """
    return TextTower(model).features(labels, split_camel_case)


def tokens_of(labels: Sequence[str], split_camel_case: bool = False) -> np.ndarray:
    """Returns the tokens of labels in all templates, int32 [P * K, 77], template after template.

    Raises:
      UserError: a label has too many tokens, two are the same text for the tokenizer, or the extra
        `clip` is not installed.
    """
    try:
        rows = tokenizer.tokens(tokenizer.prompts(labels, split_camel_case))
    except tokenizer.TooLong as error:
        label = shortened(labels[error.number % len(labels)])
        raise UserError(f"label {label}: {error}") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    label_check.check_once(labels, [row.tobytes() for row in rows[: len(labels)]])
    return rows


def _precision(model):
    """Returns the types that the layers of a model compute in."""
    return " ".join(sorted({layer.compute_dtype for layer in model.layers}))
