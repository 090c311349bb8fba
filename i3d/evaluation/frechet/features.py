"""Features of clips by a network of RGB clips: the logits of the I3D of the Frechet video distance.

network = Extractor("rgb_scratch")
rows = network(clips, PROTOCOLS["official"])       # clips [T, H, W, 3] -> float32 [n, 400]
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from i3d.evaluation.frechet.protocols import Protocol
from i3d.inference.decoding import ahead
from i3d.runtime import files
from i3d.runtime.command import UserError

# The network of the metric: TF-Hub's deepmind/i3d-kinetics-400 holds these weights.
CHECKPOINT = "rgb_scratch"
_DIGEST = "40cda3a73eba49c7cec1b125cf2197c122a1c4e08a50031b91889e9be252d1ac"
BATCH_SIZE = 8


class Extractor:
    """A network with its weights, from float clips to its logits, averaged over time.

    Attributes:
      name: of the card of the checkpoint.
      sha256: SHA-256 of the checkpoint's data.
      side: pixels of the square pictures that it sees.
    """

    def __init__(self, checkpoint: str = CHECKPOINT) -> None:
        """Loads a checkpoint in float32; its batch normalisation is not folded, to be exact.

        Args:
          checkpoint: path, or the name of a card.

        Raises:
          UserError: it cannot be loaded, or its network does not take clips of RGB.
        """
        import tensorflow as tf

        from i3d.inference import checkpoint as checkpoints
        from i3d.inference import network

        card = checkpoints.card_of(None, checkpoint)
        if card.spec.stream != "rgb" or card.spec.segments:
            raise UserError(
                f"{card.file}: expected a network of RGB clips, got one of "
                f"{'segments' if card.spec.segments else 'flow'}: {card.spec.described()}"
            )
        self.name, self.sha256 = card.name, digest_of(card.file)
        self.side, self._spec = card.spec.crop, card.spec
        core = network.loaded(card, network.classes_of(card), frames=card.spec.length)
        prepare = network.preprocessing(card.spec)
        self._run = tf.function(
            lambda clips: core(prepare(clips), training=False), reduce_retracing=True
        )

    def __call__(
        self, clips: Iterable[np.ndarray], protocol: Protocol, batch_size: int = BATCH_SIZE
    ) -> Iterator[np.ndarray]:
        """Yields float32 [n, D] of clips [T, H, W, 3] with values 0..255, all of equal T.

        The last batch is filled up, so that every clip is computed in the same way.

        Raises:
          UserError: the network does not take clips of so many frames.
        """
        resized = (protocol.resized(clip, self.side) for clip in clips)
        for batch in ahead(_batches(resized, batch_size)):
            filled = np.concatenate([batch, np.repeat(batch[-1:], batch_size - len(batch), 0)])
            self._check_frames(filled.shape[1])
            yield self._run(filled).numpy()[: len(batch)]

    def _check_frames(self, count):
        exact, least = self._spec.length, self._spec.min_frames
        if count != exact if exact else count < least:
            expected = f"{exact} frames" if exact else f"at least {least} frames"
            raise UserError(f"{self.name}: expected clips of {expected}, got {count}; see --frames")


def is_of_fvd(digest: str) -> bool:
    """Returns whether a checkpoint of this digest is the one that FVD is defined by."""
    return digest == _DIGEST


def digest_of(checkpoint: str | os.PathLike) -> str:
    """Returns the SHA-256 of a checkpoint's data: the file, or the .data files of a prefix."""
    path = Path(str(checkpoint).removesuffix(".index"))
    parts = [path] if path.is_file() else sorted(path.parent.glob(f"{path.name}.data-*"))
    return files.sha256(*parts)


def _batches(clips: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    found: list[Any] = []
    for clip in clips:
        found.append(clip)
        if len(found) == size:
            yield np.stack(found)
            found = []
    if found:
        yield np.stack(found)
