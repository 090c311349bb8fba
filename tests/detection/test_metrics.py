"""Frame mAP: 40 golden cases of the three original codes, and what the golden cases lack."""

import gzip
import json
import math

import numpy as np
import pytest

from i3d.detection import metrics
from i3d.detection.ava import NO_PERSON, Label
from i3d.runtime.command import UserError
from tests.helpers.processes import ROOT

CASES = json.loads(gzip.decompress((ROOT / "tests/golden/ava_metrics.json.gz").read_bytes()))[
    "cases"
]
BOX = (0.0, 0.0, 0.5, 0.5)


def label(second, action, box=BOX, video="a"):
    return Label(video, float(second), box, action, NO_PERSON, 1)


def truth_of(case, protocol):
    """Returns the Labels of a golden case; rows of two columns are the official code's alone."""
    rows = [Label(v, float(s), tuple(box), k, p, 1) for v, s, *box, k, p in case["truth"]]
    if protocol == "official":
        rows += [Label(v, float(s), None, None, NO_PERSON, 1) for v, s in case["empty_frames"]]
    return rows


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_every_golden_case(protocol):
    assert len(CASES) == 40
    for case in CASES:
        excluded = [tuple(row) for row in case["excluded"]] if protocol != "official" else ()
        found = metrics.frame_map(
            truth_of(case, protocol), case["detections"], case["classes"], protocol, excluded
        )
        wanted = case["expected"][protocol]
        numbers = {k: math.nan if v in (None, "absent") else v for k, v in wanted["ap"].items()}
        of_classes = [found.per_class[int(k)] for k in numbers]
        assert of_classes == pytest.approx([*numbers.values()], abs=1e-9, nan_ok=True), case["id"]
        assert found.mean == pytest.approx(wanted["mAP"], abs=1e-9), case["id"]
        for name, mean in wanted.get("groups", {}).items():
            mean = math.nan if mean is None else mean
            of_group = found.groups[name.replace("_", " ")]
            assert of_group == pytest.approx(mean, abs=1e-9, nan_ok=True), (case["id"], name)


def test_what_is_counted():
    truth = [
        label(1, 3),
        label(1, 3, (0.5, 0.5, 1, 1)),
        label(2, 9),
        Label("a", 3.0, None, None, -1, 1),
    ]
    found = metrics.frame_map(truth, [("a", 1, *BOX, 3, 0.9)], {3: "sit", 4: "jump", 9: "walk"})
    assert found.truths == {3: 2, 4: 0, 9: 1}
    assert (found.protocol, found.key_frames, found.mean) == ("official", 3, 0.25)
    assert found.per_class[3] == 0.5 and found.per_class[9] == 0 and math.isnan(found.per_class[4])
    assert found.groups["person movement"] == 0.25
    assert math.isnan(found.groups["person interaction"])


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_no_detections_and_no_truth(protocol):
    found = metrics.frame_map([label(1, 3)], [], [3], protocol)
    assert found.mean == 0 if protocol != "mmaction2" else math.isnan(found.mean)
    found = metrics.frame_map([label(1, 4)], [("a", 1, *BOX, 3, 1)], [3], protocol)
    assert math.isnan(found.mean) and found.truths == {3: 0}
    assert math.isnan(metrics.frame_map([], [], [3], protocol).mean)


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_parts_of_a_second_are_key_frames_of_their_own(protocol):
    rows = [("a", 1.5, *BOX, 3, 0.9), ("a", 1.0, *BOX, 3, 0.8)]
    truth = [label(1.0, 3), label(1.5, 3)]
    assert metrics.frame_map(truth, rows, [3], protocol).mean == 1


def test_wrong_calls():
    with pytest.raises(UserError, match="one of official, pyslowfast, mmaction2, got 'coco'"):
        metrics.frame_map([], [], [1], "coco")
    with pytest.raises(UserError, match="the official protocol has none"):
        metrics.frame_map([], [], [1], excluded={("a", 1.0)})


def test_average_precision():
    """Precision 1, 2/3 and 3/5 at the hits; each stands for the recall since the last."""
    hits = np.array([True, False, True, False, True])
    assert metrics.average_precision(hits, 4) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert metrics.average_precision(np.zeros(0, bool), 4) == 0
