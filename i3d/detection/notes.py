"""Checks that truth and detections belong together, and says what a reader should know of them.

check_together(truth, detections, names, "det.csv")
lines = on_truth(counts, "val.csv") + on_detections(truth, detections, names, "official", "det.csv")
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from i3d.detection import ava, proposals
from i3d.detection.ava import Detections, Label
from i3d.runtime.command import BadData


def check_together(
    truth: list[Label], detections: Detections, names: Mapping[int, str], path: str
) -> None:
    """Makes sure that there are detections, some of known actions, some in key frames of the truth.

    Raises:
      BadData: there are none.
    """
    if not detections.videos:
        raise BadData(f"{path}: expected rows video,second,x1,y1,x2,y2,action_id,score, got none")
    ids = set(detections.actions.tolist())
    if not ids & names.keys():
        raise BadData(
            f"{path}: expected action ids of the label map, {listed(sorted(names))}, got "
            f"{listed(sorted(ids))}"
        )
    found = set(zip(detections.videos, detections.seconds.tolist(), strict=True))
    proposals.check_videos(found, (label.video for label in truth), path)
    known = {(label.video, label.second) for label in truth}
    if not found & known:
        one, other = min(found), min(known)
        raise BadData(
            f"{path}: expected detections in key frames of the truth, such as {ava.key(*other)!r}, "
            f"got none, but such as {ava.key(*one)!r}"
        )


def on_truth(counts: ava.Counts, path: str) -> list[str]:
    """Returns a line for each thing about a file of truth that a reader should know."""
    lines = []
    if counts.clipped:
        lines.append(f"{path}: boxes clipped to the picture: {counts.clipped:,}")
    if counts.repeated:
        lines.append(f"{path}: rows that repeat another one: {counts.repeated:,}")
    return lines + _note_on_unknown(counts.unknown, path)


def _note_on_unknown(unknown, path):
    """Returns a line on {action id: rows}, none without any."""
    if not unknown:
        return []
    rows = f"{sum(unknown.values()):,} (ids: {listed(sorted(unknown))})"
    return [f"{path}: rows of ids that the label map does not have, left out: {rows}"]


def on_detections(
    truth: list[Label],
    detections: Detections,
    names: Mapping[int, str],
    protocol: str,
    path: str,
) -> list[str]:
    """Returns lines on detections of unknown actions, and of key frames without truth."""
    actions = Counter(detections.actions.tolist())
    unknown = {action: rows for action, rows in actions.items() if action not in names}
    lines = _note_on_unknown(unknown, path)
    known = {(label.video, label.second) for label in truth}
    keys = zip(detections.videos, detections.seconds.tolist(), strict=True)
    outside = sum(key not in known for key in keys)
    if outside:
        how = "false" if protocol == "pyslowfast" else "not counted"
        lines.append(f"{path}: rows in key frames without truth, {how} by {protocol}: {outside:,}")
    return lines


def listed(ids: Iterable[int]) -> str:
    """Returns ids between commas, the first 20 of many."""
    ids = list(ids)
    return ", ".join(map(str, ids[:20])) + f" and {len(ids) - 20} more" * (len(ids) > 20)
