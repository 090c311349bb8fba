"""A test of a network on a split of records: from a checked job to its Result.

result = result_of(Job(card, "data/ucf101", "test", "float32", batch_size=4))
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from i3d.evaluation import report
from i3d.evaluation.results import Result
from i3d.runtime.command import UserError
from i3d.weights.cards import Card

if TYPE_CHECKING:
    import tensorflow as tf


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      card: Card of the network.
      records: folder of the data set.
      split: its name.
      precision: that the network computes in, "float32" or "bfloat16".
      batch_size: views on each device; 1 for whole videos.
      flow_method: that the flow must have been made with; None takes any.
      read_mb: memory for encoded videos being read, on each worker.
      replicas: number of devices; 0: all GPUs, or one CPU.
      out: .npz file for the result, or None.
      picture: .png file for the confusion matrix, or None.
    """

    card: Card
    records: str
    split: str
    precision: str
    batch_size: int
    flow_method: str | None = None
    read_mb: int = 512
    replicas: int = 0
    out: str | None = None
    picture: str | None = None


def run(job: Job) -> None:
    """Tests, prints and writes; of several workers the first prints.

    Raises:
      UserError: as `result_of`.
      tf.errors.OpError: a record cannot be used.
    """
    from i3d.runtime import devices

    strategy = _strategy(job)
    result = result_of(job, strategy)
    if devices.is_chief(strategy):
        report.tell(result, job.out, job.picture)


def result_of(job: Job, strategy: "tf.distribute.Strategy | None" = None) -> Result:
    """Returns the Result of a test, the same on every worker; prints and writes nothing.

    Args:
      job: what is asked for.
      strategy: None for that of `job.replicas`.

    Raises:
      UserError: the weights or the data cannot be used as asked, or the logits are not finite.
      tf.errors.OpError: a record cannot be used.
    """
    from i3d.data import stored
    from i3d.inference import network

    strategy = strategy or _strategy(job)
    card, spec = job.card, job.card.spec
    records = stored.opened(job.records, job.split, (spec.stream,), job.flow_method)
    report.check_picture(job.picture, records.multi_label)
    classes = network.classes_of(card)
    if classes != len(records.class_names):
        raise UserError(
            f"{card.file}: has {classes} classes, the data set {len(records.class_names)}: "
            "expected weights trained on it"
        )
    with strategy.scope():
        net = network.load(card, job.precision, num_classes=classes)
    scores = _scores(net, records, job, strategy)
    return Result(
        np.array(scores.ids),
        scores.labels,
        scores.logits,
        np.array(records.class_names),
        spec.stream,
        _protocol(job, len(scores.ids)),
        spec.average,
        scores.probabilities if spec.average == "prob" else None,
    )


def _strategy(job):
    from i3d.runtime import devices

    return devices.strategy(1 if job.card.spec.whole else job.replicas)


def _scores(net, records, job, strategy):
    """Returns the SplitScores of all videos; shows how far it is."""
    from i3d.inference.records import evaluate
    from i3d.runtime import devices
    from i3d.runtime.progress import Progress

    # Videos beyond a minute have several records, and a worker sees only its part.
    total = records.num_records if devices.is_alone(strategy) else None
    with Progress(total, "video", "evaluate") as progress:

        def begun(count: int) -> None:
            for _ in range(count):
                progress.add()

        return evaluate(
            net,
            net.spec,
            records,
            batch_size=job.batch_size,
            num_classes=net.num_classes,
            strategy=strategy,
            read_mb=job.read_mb,
            on_batch=begun,
        )


def _protocol(job, num_videos):
    """Returns the line that says what the numbers are of."""
    return (
        f"{job.card.described()} ({job.precision}); split {job.split!r} of {job.records}, "
        f"{num_videos} videos"
    )
