"""Scores the people of all key frames of a split of records, and gives its truth.

    card = checkpoint.card_of(None, "runs/ava/best.weights.h5", takes="boxes")
    net = network.load_with_boxes(card)                           # i3d.inference.network
    records = keyframes.opened("data/ava", "val")                 # i3d.data.keyframes
    found = detections(net, records, boxes="proposals")       # [(video, second, x1, ..., score)]
    metrics.frame_map(truth(records), found, records.label_map).mean

One key frame is scored at a time, so that memory does not grow with their number.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from i3d.data import keyframe_boxes, keyframes
from i3d.data.keyframes import LEAST_SCORE, KeyFrames
from i3d.detection.ava import NO_PERSON, Label
from i3d.detection.people import Detector
from i3d.detection.proposals import Proposals
from i3d.detection.scores import ActionScores
from i3d.inference.network import Network
from i3d.runtime.command import UserError
from i3d.runtime.progress import tracked

THRESHOLD = 0.002  # of the scores that count; MMAction2's action_thr

Row = tuple[str, float, float, float, float, float, int, float]


def truth(records: KeyFrames) -> list[Label]:
    """Returns the Labels of all key frames; of one without boxes the key frame alone.

    Raises:
      DatasetError: a shard is damaged.
    """
    found = []
    for one in keyframes.truths(records):
        labels = [
            Label(one.video, one.second, tuple(box), action, person, 0)
            for box, actions, person in zip(
                one.boxes.tolist(), one.actions, one.people, strict=True
            )
            for action in actions
        ]
        found += labels or [Label(one.video, one.second, None, None, NO_PERSON, 0)]
    return found


def detections(
    network: Network,
    records: KeyFrames,
    boxes: str | Proposals | Detector = "truth",
    score_threshold: float = THRESHOLD,
    progress: bool = True,
    ids: Sequence[int] = (),
    least_score: float = LEAST_SCORE,
) -> list[Row]:
    """Returns (video, second, x1, y1, x2, y2, action id, score) of the people of all key frames.

    Args:
      network: Network of a model that takes boxes, as network.load_with_boxes gives it.
      records: keyframes.KeyFrames.
      boxes: "truth"; "proposals", those of the records; proposals of a file; or a detector, which
        looks at the stored pictures.
      score_threshold: scores above it are kept.
      progress: whether the number of key frames done goes to standard error.
      ids: action id of each class of the network without the background, 0 of those that are not
        reported; () for 1, 2, ..., those of the label map.
      least_score: proposals of this score or more are taken, else the best one, else the whole
        picture. A detector has a threshold of its own.

    Raises:
      DatasetError: the records cannot be used, or lack frames that the network needs.
      UserError: a score is not finite.
      tf.errors.OpError: a record is damaged.
    """
    number = network.num_classes - 1
    known = records.label_map
    actions = np.array(ids or [k if k in known else 0 for k in range(1, number + 1)])
    people_of = _people_of(boxes, records, least_score)
    # Compiled once, for every validation of a training.
    scores_of = network.steps.setdefault("boxes", ActionScores(network))
    found: list[Row] = []
    items = keyframes.eval_batches(records, network.spec).as_numpy_iterator()
    if progress:
        items = tracked(items, records.num_records, "key frame", "scores")
    for item in items:
        video, second = item["video"].decode(), round(float(item["second"]), 3)
        people = people_of(item, (video, second))
        scores = scores_of(item["views"], people)
        if not np.isfinite(scores).all():
            raise UserError(
                f"{video},{second:g}: a score is not finite; the weights are damaged, or were "
                "trained with too large a rate"
            )
        rows, columns = np.nonzero((scores > score_threshold) & (actions > 0))
        found += [
            (video, second, *people[row].tolist(), int(actions[column]), float(score))
            for row, column, score in zip(rows, columns, scores[rows, columns], strict=True)
        ]
    return found


def _people_of(boxes, records, least_score):
    """Returns a function of an item of eval_batches and (video, second): float32 [N, 4]."""
    if boxes == "truth":
        return lambda item, key: item["boxes"]
    if isinstance(boxes, Detector):
        return lambda item, key: boxes(item["views"][len(item["views"]) // 2], key[1])[0]
    if boxes == "proposals":
        boxes = {(one.video, one.second): one.proposals for one in keyframes.truths(records)}
    nobody = np.zeros((0, 5), np.float32)

    def of_proposals(item, key):
        own = tf.constant(boxes.get(key, nobody))
        return keyframe_boxes.detected(own, least_score)[0].numpy()

    return of_proposals
