"""Validation of a localizer's training: average mAP, or of proposals the area under AR@AN.

with optimizer.averaged():
    numbers = Validation(run, records)()               # {"map": 0.61, "map_0.5": 0.66, ...}
"""

from collections.abc import Iterator
from typing import Any

from i3d.localization import average_recall, metrics
from i3d.localization.localizer import Localizer
from i3d.localization.segments import Segment
from i3d.runtime.progress import Progress
from i3d.training.segment_records import Records
from i3d.weights.cards import Card

PROTOCOL = "actionformer"  # of the mean average precision; see i3d.localization.protocols


class Validation:
    """Tests the weights that the model of a run has now on all videos of the validation.

    Attributes:
      ranked_by: name of the number by which weights are the best.
    """

    def __init__(self, run: Any, records: Records) -> None:
        """Keeps what a test needs; to be made under strategy.scope().

        Args:
          run: i3d.training.run.Run with its model.
          records: of the validation.
        """
        settings = run.settings
        card = Card(
            name=str(run.workdir),
            file=str(run.workdir),
            model=settings.model.name,
            width=settings.model.width,
            spec=run.spec,
            labels=run.labels,
            longest=settings.segments.longest,
        )
        self._localizer = Localizer(card, model=run.model)
        self._records, self._tiou = records, settings.segments.tiou
        self.ranked_by = "map" if self._localizer.gives_classes else "auc"

    def __call__(self) -> dict[str, float]:
        """Returns the numbers by name, in [0, 1], the same on every worker."""
        truth = [one for video in self._records.truth.values() for one in video.segments]
        found = list(self._found())
        if not self._localizer.gives_classes:
            recall = average_recall.average_recall(truth, found)
            return {"auc": recall.auc / 100, "ar_100": recall.at(100)}
        scores = metrics.mean_ap(truth, found, self._tiou, PROTOCOL)
        each = zip(scores.thresholds, scores.mean, strict=True)
        return {"map": scores.average} | {f"map_{t:g}": float(mean) for t, mean in each}

    def _found(self) -> Iterator[Segment]:
        records = self._records
        with Progress(len(records.videos), "video", "validation") as bar:
            for name, video in zip(records.truth, records.videos, strict=True):
                features, grid = records.files.read(video.name, video.fps, video.duration_s)
                known = video.duration_s > 0  # not of nan
                yield from self._localizer(
                    features, grid, video.duration_s if known else None, video=name
                )
                bar.add()
