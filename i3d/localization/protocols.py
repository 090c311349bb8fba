"""The four protocols that segments are tested by, and the thresholds of the tIoU.

    counting(truth, "opentad")                              # the truths that it counts

The protocols are those of the codes of that name: "official" (ActivityNet's), "opentad",
"mmaction2", "actionformer". They differ in truths that are repeated or have no length, which
opentad and actionformer leave out (actionformer those below 1 ms too), in the precision of the
tIoU, which mmaction2 keeps in float32, and in the order of equal scores, where mmaction2 lets the
earlier row of the file go first and the others the later one.

Sources: activitynet/ActivityNet, sming256/OpenTAD, open-mmlab/mmaction2,
happyharrycn/actionformer_release.
"""

from collections.abc import Iterable
from itertools import chain

import numpy as np

from i3d.localization.segments import Segment

PROTOCOLS = ("official", "opentad", "mmaction2", "actionformer")
THUMOS = np.linspace(0.3, 0.7, 5)
ACTIVITYNET = np.linspace(0.5, 0.95, 10)
_SAME_S = 1e-3  # by which the ends of repeated truths may differ


def counting(truth: Iterable[Segment], protocol: str) -> list[Segment]:
    """Returns the segments of the truth that a protocol counts.

    Raises:
      ValueError: the protocol is unknown.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if protocol in ("official", "mmaction2"):
        return list(truth)
    kept: list[Segment] = []
    least = _SAME_S if protocol == "actionformer" else 0.0
    earlier: dict[tuple[str, str, int], list[Segment]] = {}
    for one in truth:
        place = int(one.start_s // (2 * _SAME_S))  # what is near starts in this or the next places
        near = (earlier.get((one.video, one.label, place + step), ()) for step in (-1, 0, 1))
        repeated = any(
            abs(one.start_s - other.start_s) <= _SAME_S and abs(one.end_s - other.end_s) <= _SAME_S
            for other in chain.from_iterable(near)
        )
        if not repeated and one.end_s - one.start_s > least:
            earlier.setdefault((one.video, one.label, place), []).append(one)
            kept.append(one)
    return kept
