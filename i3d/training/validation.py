"""Accuracies of a training run on all videos of the validation split, one centred view of each.

with optimizer.averaged():
    numbers = Validation(run, records)()                  # {"top1": 0.62, ...}
"""

from typing import Any

from i3d.data import stored
from i3d.evaluation import average_precision, metrics
from i3d.inference import records as inference_records
from i3d.runtime import devices
from i3d.runtime.progress import Progress
from i3d.training import input as train_input
from i3d.training import text


class Validation:
    """Tests the weights that the model of a run has now.

    Attributes:
      ranked_by: name of the number by which weights are the best.
    """

    def __init__(self, run: Any, records: stored.Records) -> None:
        """Keeps what a test needs; to be made under strategy.scope().

        Args:
          run: i3d.training.run.Run with its model.
          records: of the validation split.
        """
        self._run, self._records = run, records
        self.ranked_by = "map" if records.multi_label else "top1"
        self._video = text.network_of(run.model, run.spec) if run.labels else None

    def __call__(self) -> dict[str, float]:
        """Returns the accuracies by name, the same on every worker; all of them must call."""
        scores = self._scores(self._network())
        pair = scores.logits, scores.labels
        if self._records.multi_label:
            return {
                "map": average_precision.mean_average_precision(*pair),
                "mmit_map": average_precision.mmit_mean_average_precision(*pair),
            }
        top5 = min(5, scores.logits.shape[1])
        return {
            "top1": metrics.top_k_accuracy(*pair),
            f"top{top5}": metrics.top_k_accuracy(*pair, top5),
            "mean_class": metrics.mean_class_accuracy(metrics.confusion_matrix(*pair)),
        }

    def _network(self):
        """Returns what makes logits of views; of texts, of the features that they have now."""
        run = self._run
        if self._video is None:
            return lambda views: run.model(run.prepare(views), training=False)
        return text.with_labels(self._video, run.model, run.labels)

    def _scores(self, network):
        run = self._run
        # A worker sees its part of the videos.
        total = self._records.num_records if devices.is_alone(run.strategy) else None
        with Progress(total, "video", "validation") as bar:
            return inference_records.evaluate(
                network,
                train_input.validation_spec(run.spec),
                self._records,
                batch_size=run.settings.batch.per_replica,
                num_classes=len(run.records.class_names),
                strategy=run.strategy,
                read_mb=run.settings.data.read_mb,
                on_batch=lambda count: [bar.add() for _ in range(count)],
            )
