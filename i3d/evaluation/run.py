"""A test of a network on a split: from checked flags to what is printed and written.

run(Job(card, options, settings, "data/ucf101"))              # of `python -m i3d.evaluate`
"""

from typing import Any, NamedTuple

import numpy as np
from absl import flags

from i3d.evaluation import report
from i3d.evaluation.results import Result
from i3d.inference import options as network_options
from i3d.runtime.command import UserError
from i3d.weights.cards import Card


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      card: Card of the network.
      options: flags of the command, parsed and checked.
      settings: flat settings of --config, None without it.
      records: folder of the data set.
    """

    card: Card
    options: flags.FlagValues
    settings: dict[str, Any] | None
    records: str

    @property
    def precision(self) -> str:
        """Of the network: --precision, or that of --config."""
        if self.settings is None or self.options["precision"].present:
            return self.options.precision
        return self.settings["precision"]

    @property
    def batch_size(self) -> int:
        """Views on each device: --batch_size, or that of --config."""
        if self.card.spec.whole:
            return 1
        if self.settings is None or self.options.batch_size:
            return network_options.batch_size(self.options, [self.card])
        return self.settings["batch.per_replica"]


def run(job: Job) -> None:
    """Tests, prints and writes.

    Raises:
      UserError: the weights or the data cannot be used as asked, or the logits are not finite.
      tf.errors.OpError: a record cannot be used.
    """
    from i3d.data import stored
    from i3d.inference import network
    from i3d.runtime import devices

    options, spec = job.options, job.card.spec
    strategy = devices.strategy(1 if spec.whole else options.replicas)
    method = spec.flow_method or None
    if job.settings is not None:
        method = job.settings["data.flow_method"] or None
    records = stored.opened(job.records, options.split, (spec.stream,), method)
    report.check_picture(options.confusion_png, records.multi_label)
    classes = network.classes_of(job.card)
    if classes != len(records.class_names):
        raise UserError(
            f"{job.card.file}: has {classes} classes, the data set {len(records.class_names)}: "
            "expected weights trained on it"
        )
    with strategy.scope():
        net = network.load(job.card, job.precision, num_classes=classes)
    scores = _tested(net, records, job, strategy)
    if devices.is_chief(strategy):
        prob = spec.average == "prob"
        result = Result(
            np.array(scores.ids),
            scores.labels,
            scores.logits,
            np.array(records.class_names),
            spec.stream,
            _protocol(job, len(scores.ids)),
            spec.average,
            scores.probabilities if prob else None,
        )
        report.tell(result, options.out, options.confusion_png)


def _tested(net, records, job, strategy):
    """Returns the SplitScores of all videos; shows how far it is."""
    from i3d.inference.records import evaluate
    from i3d.runtime import devices
    from i3d.runtime.progress import Progress

    # Videos beyond a minute have several records, and a worker sees only its part.
    total = records.num_records if devices.is_alone(strategy) else None
    read_mb = {} if job.settings is None else {"read_mb": job.settings["data.read_mb"]}
    with Progress(total, "video", "evaluate") as progress:
        return evaluate(
            net,
            net.spec,
            records,
            batch_size=job.batch_size,
            num_classes=net.num_classes,
            strategy=strategy,
            on_batch=lambda count: [progress.add() for _ in range(count)],
            **read_mb,
        )


def _protocol(job, num_videos):
    """Returns the line that says what the numbers are of."""
    return (
        f"{job.card.described()} ({job.precision}); split {job.options.split!r} of "
        f"{job.records}, {num_videos} videos"
    )
