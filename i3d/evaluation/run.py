"""Tests of a network on splits of records: from a checked job to its Results.

result = result_of(Job(card, "data/ucf101", ("test",), "float32", batch_size=4))
"""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from i3d.evaluation import repeated, report, zero_shot
from i3d.evaluation.results import Result
from i3d.inference.few_shot import WEIGHT
from i3d.inference.text import Text
from i3d.runtime.command import UserError
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

if TYPE_CHECKING:
    import tensorflow as tf


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      card: Card of the network.
      records: folder of the data set.
      splits: names of those that are tested, each alone.
      precision: that the network computes in, "float32" or "bfloat16".
      batch_size: views on each device; 1 for whole videos.
      flow_method: that the flow must have been made with; None takes any.
      read_mb: memory for encoded videos being read, on each worker.
      replicas: number of devices; 0: all GPUs, or one CPU.
      out: .npz file for the result, or None.
      picture: .png file for the confusion matrix, or None.
      text: labels for a network with a text tower; without them the class names of the records.
      half_classes: how often half of the classes are drawn and tested alone; 0: all are tested.
      shots: videos of each class of `shots_split` that join the text; 0: the text alone.
      shots_split: name of the split that they are of.
      shots_weight: of their mean, see i3d.inference.few_shot.
      seed: of the draws of classes and of videos.
    """

    card: Card
    records: str
    splits: tuple[str, ...]
    precision: str
    batch_size: int
    flow_method: str | None = None
    read_mb: int = 512
    replicas: int = 0
    out: str | None = None
    picture: str | None = None
    text: Text = Text()
    half_classes: int = 0
    shots: int = 0
    shots_split: str = "train"
    shots_weight: float = WEIGHT
    seed: int = 0


def run(job: Job) -> None:
    """Tests, prints and writes; of several workers the first prints.

    Raises:
      UserError: as `result_of`.
      tf.errors.OpError: a record cannot be used.
    """
    from i3d.runtime import devices

    strategy = _strategy(job)
    result = result_of(job, strategy)
    if not devices.is_chief(strategy):
        return
    if isinstance(result, Result):
        report.tell(result, job.out, job.picture)
    else:
        print(repeated.described(result), flush=True)


def result_of(
    job: Job, strategy: "tf.distribute.Strategy | None" = None
) -> Result | repeated.Repeated:
    """Returns the Result of a test, the same on every worker; prints and writes nothing.

    Of several splits, or of draws of half of the classes, they are Repeated.

    Args:
      job: what is asked for.
      strategy: None for that of `job.replicas`.

    Raises:
      UserError: the weights or the data cannot be used as asked, or the logits are not finite.
      tf.errors.OpError: a record cannot be used.
    """
    from i3d.data import stored

    strategy = strategy or _strategy(job)
    stream = job.card.spec.stream
    splits = [stored.opened(job.records, s, (stream,), job.flow_method) for s in job.splits]
    report.check_picture(job.picture, splits[0].multi_label)
    network = _network(job, splits[0], strategy)
    if job.half_classes:
        return zero_shot.of_half_classes(
            network,
            splits[0],
            draws=job.half_classes,
            seed=job.seed,
            protocol=lambda head, count: _protocol(job, job.splits, head, count),
            scores_of=lambda net, records: _scores(net, records, job, strategy),
        )
    results = [
        _result(job, network, split, records, strategy)
        for split, records in zip(job.splits, splits, strict=True)
    ]
    if len(results) == 1:
        return results[0]
    protocol = _protocol(job, job.splits, network.head)
    return repeated.Repeated(job.splits, tuple(results), protocol)


def _network(job, records, strategy):
    """Returns the Network, of the classes of the records."""
    from i3d.inference import network

    card, names = job.card, records.class_names
    if takes_text(card.model):
        text = dataclasses.replace(job.text, labels=job.text.labels or tuple(names))
        with strategy.scope():
            net = network.load(card, job.precision, text=text)
        if not job.shots:
            return net
        return zero_shot.with_shots(
            net, job, names, scores_of=lambda net, records: _scores(net, records, job, strategy)
        )
    classes = network.classes_of(card)
    if classes != len(names):
        raise UserError(
            f"{card.file}: has {classes} classes, the data set {len(names)}: "
            "expected weights trained on it"
        )
    with strategy.scope():
        return network.load(card, job.precision, num_classes=classes)


def _result(job, net, split, records, strategy):
    """Returns the Result of one split."""
    scores, spec = _scores(net, records, job, strategy), job.card.spec
    return Result(
        np.array(scores.ids),
        scores.labels,
        scores.logits,
        np.array(records.class_names),
        spec.stream,
        _protocol(job, (split,), net.head, len(scores.ids)),
        spec.average,
        scores.probabilities if spec.average == "prob" else None,
    )


def _strategy(job):
    from i3d.runtime import devices

    return devices.strategy(1 if job.card.spec.whole else job.replicas)


def _scores(net, records, job, strategy):
    """Returns the SplitScores of all videos; of a network without a head their features."""
    from i3d.inference.records import evaluate
    from i3d.runtime import devices
    from i3d.runtime.progress import Progress

    spec, classes = net.spec, net.num_classes
    if net.tower and net.head is None:
        spec, classes = dataclasses.replace(spec, average="logits"), net.model.output_shape[-1]
    # Videos beyond a minute have several records, and a worker sees only its part.
    total = records.num_records if devices.is_alone(strategy) else None
    with Progress(total, "video", "evaluate") as progress:

        def begun(count: int) -> None:
            for _ in range(count):
                progress.add()

        return evaluate(
            net,
            spec,
            records,
            batch_size=job.batch_size,
            num_classes=classes,
            strategy=strategy,
            read_mb=job.read_mb,
            on_batch=begun,
        )


def _protocol(job, splits, head, num_videos=None):
    """Returns the line that says what the numbers are of; without their number of all videos."""
    text = f"; {zero_shot.described(job, head)}" if head is not None else ""
    names = f"split{'s' if len(splits) > 1 else ''} {', '.join(map(repr, splits))}"
    count = "" if num_videos is None else f", {num_videos} videos"
    return f"{job.card.described()} ({job.precision}){text}; {names} of {job.records}{count}"
