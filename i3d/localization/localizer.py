"""Finds when actions happen, from the feature rows of a video.

    localizer = Localizer(card_of(None, "runs/af/best.weights.h5", takes="features"))
    rows, grid = files.read("a")                         # i3d.data.feature_files
    for segment in localizer(rows, grid, duration_s=65.0, video="a"):
        print(segment.start_s, segment.end_s, segment.label, segment.score)

Sequences are filled up to one of a few lengths, so that few shapes are compiled. Long ones are
cut into pieces that overlap by more than a network looks, so that memory is bounded: of
ActionFormer the result is the same. TemporalMaxer normalises over all rows of a piece. BMN sees
windows of card.longest rows where its FeatureSpec does not say to how many they are interpolated.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from i3d.data.feature_spec import Grid
from i3d.inference import checkpoint, network
from i3d.localization import decoding, nms
from i3d.localization.segments import Segment
from i3d.models import actionformer
from i3d.models.actionformer import LEVELS, multiple, points
from i3d.models.segment_layers import level_masks
from i3d.runtime.command import UserError
from i3d.weights import kinds
from i3d.weights.cards import Card
from i3d.weights.localization_zoo import gives_proposals

PIECE_ROWS = 8064  # of a long sequence, without what overlaps
_TIMES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # lengths, in the least multiple
_COARSEST = 2 ** (LEVELS - 1)  # rows between points of the last level
_EACH = 2**LEVELS - 1  # points of all levels in so many rows


class Outputs(NamedTuple):
    """What a network gives for the points of `points(rows)`: logits [P, K], offsets [P, 2]."""

    logits: np.ndarray
    offsets: np.ndarray


class Localizer:
    """A network over feature rows, with its weights.

    Attributes:
      card: Card that it was loaded by.
      spec: FeatureSpec of the rows that it takes.
      names: names of its classes, () of a network of proposals.
      model: keras.Model.
    """

    def __init__(
        self, card: Card, precision: str = "float32", model: keras.Model | None = None
    ) -> None:
        """Builds the network and loads its weights.

        Args:
          card: Card whose `file` is a path, see i3d.inference.checkpoint.card_of.
          precision: "float32" or "bfloat16".
          model: the network of the card, as in training; nothing is loaded then.

        Raises:
          UserError: it is no card of a localizer, or the checkpoint does not fit; one line.
        """
        kinds.check(card.file, card.model, takes="features")
        self.card, self.spec = card, card.spec
        self.model = model or _loaded(card, precision)
        self.names: tuple[str, ...] = ()
        if self.gives_classes:
            classes = self.model.output["logits"].shape[-1]
            self.names = checkpoint.class_names([card], classes)
            self._window = actionformer.CONFIGS[card.model].window
            self._least = multiple(window=self._window)

    @property
    def gives_classes(self) -> bool:
        """Whether segments have a class; else they are proposals, see `decoding.labelled`."""
        return not gives_proposals(self.card.model)

    def __call__(
        self, features: np.ndarray, grid: Grid, duration_s: float | None = None, video: str = ""
    ) -> list[Segment]:
        """Returns the segments of a video, the best first; seconds lie in the video.

        Args:
          features: float [T, C] of the card's FeatureSpec; T is spec.rows where it has them.
          grid: times of the rows.
          duration_s: of the video; None: to the end of the last row.
          video: name, of the segments and of the line of an error.

        Raises:
          UserError: the features are empty, not finite or not of this shape or rate.
        """
        features = self._checked(features, grid, video or "features")
        end_s = grid.seconds(len(features) - 1) + grid.first_s if duration_s is None else duration_s
        if self.gives_classes:
            kept, labels = self._segments(features)
            seconds = grid.seconds(kept.segments.astype(np.float64))
        else:
            kept, labels = self._proposals(features)
            seconds = grid.seconds(kept.segments * len(features) - 0.5)
        seconds = np.clip(seconds, 0, end_s)
        return [
            Segment(video, float(start), float(end), label, float(score))
            for (start, end), label, score in zip(seconds, labels, kept.scores, strict=True)
            if end > start
        ]

    def outputs(self, features: np.ndarray) -> Outputs:
        """Returns the Outputs of float32 [T, C]: of the `points` of all rows, filled up.

        Not of a network of proposals.
        """
        rows = len(features)
        exact = rows % self._least == 0 and rows >= self.card.longest
        margin = -(-actionformer.reach(self._window) // self._least) * self._least
        piece = max(PIECE_ROWS // self._least, 1) * self._least
        if rows <= piece + 2 * margin:
            return self._run(features, 0, None, exact)
        parts = []
        for begin in range(0, rows, piece):
            first = max(begin - margin, 0)
            part = features[first : begin + piece + margin]
            end = begin - first + piece if begin + piece < rows else None
            parts.append(self._run(part, begin - first, end, exact))
        return Outputs(*(_joined(each) for each in zip(*parts, strict=True)))

    def _segments(self, features):
        """Returns (Kept in rows, names)."""
        found = self.outputs(features)
        filled = len(found.logits) // _EACH * _COARSEST
        mask = level_masks(np.arange(filled)[None] < len(features), LEVELS, not self._window)
        mask = np.concatenate([keras.ops.convert_to_numpy(each)[0] for each in mask])
        rules = decoding.ACTIONFORMER if self._window else decoding.TEMPORALMAXER
        at = decoding.candidates(*found, mask, points(filled), rules)
        kept = nms.soft_nms(at.segments, at.scores, at.labels)
        return kept, [self.names[label] for label in at.labels[kept.index]]

    def _proposals(self, features):
        """Returns (Kept in parts of the sequence, labels "")."""
        rows, count = self.spec.rows or self.card.longest, len(features)
        parts = []
        for begin in _windows(count, rows):
            own = np.zeros((rows, features.shape[1]), np.float32)
            own[: count - begin] = features[begin : begin + rows]
            found = self._predicted({"features": own[None]})
            pairs, scores = decoding.proposals(
                *(found[name][0] for name in ("confidence", "start", "end"))
            )
            if count != rows:
                pairs = (begin + pairs * rows) / count
            inside = pairs[:, 1] <= 1  # and not where it was filled up
            parts.append((pairs[inside], scores[inside]))
        kept = nms.bmn_nms(*(np.concatenate(each) for each in zip(*parts, strict=True)))
        return kept, [""] * len(kept.scores)

    def _run(self, features, begin, end, exact):
        """Returns the Outputs of rows from `begin` to `end` (None: all), of what fits one call."""
        rows, length = len(features), self._length(len(features), exact)
        filled = np.zeros((1, length, features.shape[1]), np.float32)
        filled[0, :rows] = features
        found = self._predicted({"features": filled, "mask": np.arange(length)[None] < rows})
        at = points(length)
        own = (at.row >= begin) & (at.row < (length if end is None else end))
        return Outputs(found["logits"][0, own], found["offsets"][0, own])

    def _length(self, rows, exact):
        """Returns the rows that a sequence is filled up to.

        With attention the result is the same for any that leaves a point of the last level masked.
        """
        least, longest = self._least, self.card.longest
        if not self._window:  # what is filled up counts in the normalisation: as published
            return max(longest, -(-rows // least) * least)
        if exact and rows % least == 0:
            return rows
        return next(least * n for n in _TIMES if least * n >= rows + _COARSEST)

    def _predicted(self, inputs) -> dict[str, Any]:
        found = self.model.predict_on_batch(inputs)
        return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}

    def _checked(self, features, grid, where):
        """Returns the features as float32 [T, C]."""
        width, wanted = self.spec.channels, self.spec.rows
        features = np.asarray(features)
        if features.ndim != 2 or features.shape[1] != width or features.dtype.kind not in "fiu":
            raise UserError(
                f"{where}: expected rows of {width} features as {self.card.model} of "
                f"{self.card.file} takes, got {features.dtype} {list(features.shape)}"
            )
        if not len(features):
            raise UserError(
                f"{where}: expected rows of features, got none; is the video too short?"
            )
        if wanted and len(features) != wanted:
            raise UserError(
                f"{where}: expected {wanted} rows, got {len(features)}; interpolate them, as "
                "i3d.data.feature_files does"
            )
        with np.errstate(over="ignore"):
            features = features.astype(np.float32, copy=False)
        if not np.isfinite(features).all():
            raise UserError(f"{where}: expected finite features, got nan or inf")
        self.spec.check_grid(grid, 0, where)
        return features


def _windows(count, rows):
    """Returns where windows of `rows` begin that overlap by half and cover `count` rows."""
    last = max(count - rows, 0)
    return [*range(0, last, max(rows // 2, 1)), last]


def _joined(parts):
    """Returns the arrays of pieces, each level 0 first, as that of the whole sequence."""
    levels = []
    for part in parts:
        each = len(part) // _EACH  # points of the last level
        sizes = [each * 2**level for level in reversed(range(LEVELS))]
        levels.append(np.split(part, np.cumsum(sizes)[:-1]))
    return np.concatenate([x for level in zip(*levels, strict=True) for x in level])


def _loaded(card, precision):
    """Returns the model of a card with its weights."""
    windows = gives_proposals(card.model) and not card.spec.rows
    keywords = {"rows": card.longest} if windows else {}
    return network.loaded(card, network.classes_of(card), precision=precision, **keywords)
