"""Mean average precision and average recall against the four published codes, and by hand."""

import gzip
import json

import numpy as np
import pytest

from i3d.localization import metrics, protocols
from i3d.localization.average_recall import average_recall
from i3d.localization.segments import Segment
from tests.helpers.processes import ROOT

THRESHOLDS = {"anet": protocols.ACTIVITYNET, "thumos": protocols.THUMOS}
TRUTH = [
    Segment("a", 0.0, 10.0, "jump"), Segment("a", 20.0, 30.0, "jump"),
    Segment("b", 0.0, 10.0, "run"),
]  # fmt: skip


@pytest.fixture(scope="module")
def golden():
    with gzip.open(ROOT / "tests/golden/localization/metrics_tal.json.gz") as file:
        return json.load(file)


def segments(rows):
    """Returns the Segments of {video: [[start, end, class, ...]]}."""
    return [
        Segment(video, start, end, str(label), *score)
        for video, own in rows.items()
        for start, end, label, *score in own
    ]


def test_thresholds(golden):
    for name, values in golden["thresholds"].items():
        np.testing.assert_array_equal(THRESHOLDS[name], values)


@pytest.mark.parametrize("protocol", protocols.PROTOCOLS)
@pytest.mark.parametrize("name", THRESHOLDS)
def test_mean_ap_of_50_cases(golden, name, protocol):
    assert len(golden["cases"]) == 50
    for case in golden["cases"]:
        truth, results = segments(case["truth"]), segments(case["pred"])
        found = metrics.mean_ap(truth, results, THRESHOLDS[name], protocol)
        expected = case["expected"][name]
        own = expected[protocol]
        assert list(found.per_class) == [str(label) for label in expected["classes"]]
        np.testing.assert_allclose(list(found.per_class.values()), own["ap"], atol=1e-12)
        np.testing.assert_allclose(found.mean, own["mAP"], atol=1e-12)
        np.testing.assert_allclose(found.average, own["average"], atol=1e-12)
        if protocol == "actionformer":
            np.testing.assert_allclose(found.recall, own["recall_at_1x_5x"], atol=1e-12)


@pytest.mark.parametrize("protocol", ["official", "opentad", "mmaction2"])
@pytest.mark.parametrize("most", ["100", "10"])
def test_average_recall_of_50_cases(golden, most, protocol):
    compared = 0
    for case in golden["cases"]:
        truth, results = segments(case["truth"]), segments(case["pred"])
        found = average_recall(truth, results, int(most), protocol=protocol)
        own = case["expected"]["ar"][most][protocol]
        if own.get("error") == "ZeroDivisionError":  # nothing was found in these videos
            assert found.auc == 0 and not found.recall.any()
            continue
        np.testing.assert_allclose(found.average, own["average_recall"], atol=1e-12)
        np.testing.assert_allclose(found.auc, own["auc"], atol=1e-10)
        np.testing.assert_allclose(found.proposals[-1], own["last_proposals_per_video"])
        if own.get("recall_at_5"):
            np.testing.assert_allclose(found.recall[:, 4], own["recall_at_5"], atol=1e-12)
        compared += 1
    assert compared > 30


def test_figures_do_not_depend_on_the_size_of_the_parts(golden, monkeypatch):
    case = max(golden["cases"], key=lambda case: len(segments(case["pred"])))
    truth, found = segments(case["truth"]), segments(case["pred"])
    whole = metrics.mean_ap(truth, found), average_recall(truth, found)
    monkeypatch.setattr("i3d.localization.segments._MOST_CELLS", 12)
    parts = metrics.mean_ap(truth, found), average_recall(truth, found)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_equal(one._asdict(), other._asdict())


def test_what_was_found_as_the_truth_has_it_is_perfect():
    found = metrics.mean_ap(TRUTH, TRUTH)
    assert found.mean.tolist() == [1] * 5 and found.average == 1
    assert found.recall.tolist() == [[1, 1]] * 5
    assert found.truths == {"jump": 2, "run": 1}


def test_a_truth_that_is_taken_leaves_the_next_best():
    truth = [Segment("a", 0, 10, "x"), Segment("a", 2, 12, "x")]
    both = [Segment("a", 0, 10, "x", 0.9), Segment("a", 0, 10, "x", 0.8)]  # tIoU 1 and 0.67
    assert metrics.mean_ap(truth, both, [0.5, 0.7]).mean.tolist() == [1, 0.5]


def test_unknown_labels_and_videos_are_counted():
    found = [
        Segment("a", 0, 10, "jump", 0.5), Segment("z", 0, 10, "jump", 0.9),
        Segment("z", 0, 10, "fly", 0.9), Segment("b", 0, 10, "fly", 0.9),
    ]  # fmt: skip
    result = metrics.mean_ap(TRUTH, found, [0.5])
    assert result.unknown_labels == {"fly": 2} and result.unknown_videos == {"z": 2}
    assert result.per_class == {"jump": 0.5 / 2, "run": 0}  # that in z is false


@pytest.mark.parametrize(
    "protocol, left_out", [("official", 0), ("mmaction2", 0), ("opentad", 2), ("actionformer", 3)]
)
def test_truths_that_do_not_count(protocol, left_out):
    more = [
        Segment("a", 0.0005, 10.0009, "jump"), Segment("a", 5, 5, "jump"),
        Segment("a", 6, 6.0005, "jump"), Segment("a", 0, 10, "run"),
    ]  # fmt: skip
    found = metrics.mean_ap(TRUTH + more, TRUTH, protocol=protocol)
    assert found.left_out == left_out


def test_average_recall_by_hand():
    found = [
        Segment("a", 0, 10, "", 0.9), Segment("a", 21, 30, "", 0.8),
        Segment("b", 50, 60, "", 0.9), Segment("b", 0, 9, "", 0.1),
    ]  # fmt: skip
    result = average_recall(TRUTH, found, 2)
    np.testing.assert_allclose(result.recall[0, [49, 99]], [1 / 3, 1])
    assert result.at(1) == result.average[49] and np.isnan(result.at(5))
    np.testing.assert_allclose(result.at(2), (1 + 2 * 0.9) / 3)  # both of 9 s: 9 of 10 thresholds


def test_no_truth_and_unknown_protocols_are_refused():
    for function in (metrics.mean_ap, average_recall):
        with pytest.raises(ValueError, match="expected segments of the truth"):
            function([], TRUTH)
        with pytest.raises(ValueError, match="protocol: expected one of official"):
            function(TRUTH, TRUTH, protocol="voc")
