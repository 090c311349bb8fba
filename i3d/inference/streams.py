"""One I3D stream: card -> model with its weights -> logits of a clip.

stream = load_stream(CARDS["rgb_imagenet"], "checkpoints", "bfloat16")
logits = stream(clip)                     # [1, T, 224, 224, 3] -> [400]
"""

import contextlib
from pathlib import Path

import keras
import numpy as np

import i3d.weights
from i3d import models

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextlib.contextmanager
def computing_in(precision):
    """Context in which models are built that compute in "float32" or "bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def load_stream(card, checkpoint_dir, precision="float32"):
    """Returns a function from one clip to its logits, batch normalisation folded.

    The function takes float32 [1, T, crop, crop, channels] in the card's range and gives
    float32 [num_classes].

    Args:
      card: i3d.weights.cards.Card.
      checkpoint_dir: folder that holds `card.file`.
      precision: "float32" or "bfloat16" (activations and kernels; logits stay float32).

    Raises:
      FileNotFoundError, ValueError: as `i3d.weights.load`.
    """
    with computing_in(precision):
        model = models.build(
            card.model,
            num_classes=card.num_classes,
            channels=card.channels,
            size=card.crop,
            width=card.width,
        )
        i3d.weights.load(model, Path(checkpoint_dir) / card.file)
        model = models.fold_batch_norm(model)
    model.compile(jit_compile=False)  # XLA makes 3-D convolutions on a CPU four times slower
    return lambda clip: np.asarray(model.predict_on_batch(clip), np.float32)[0]


def softmax(logits):
    """Returns probabilities of float [..., K] logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
