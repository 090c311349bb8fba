"""From feature rows to segments, through files of weights, against the published codes."""

import numpy as np
import pytest

from i3d import models
from i3d.data.feature_spec import FeatureSpec, Grid
from i3d.localization import localizer as module
from i3d.localization.localizer import Localizer, Outputs
from i3d.models.actionformer import points
from i3d.runtime.command import UserError
from i3d.weights.cards import Card
from tests.golden import localization as golden
from tests.helpers import localizers

GRID = Grid(8 / 30, 4 / 30)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Returns {name: Localizer} of small networks with the golden weights."""
    folder = tmp_path_factory.mktemp("localizers")
    found = {}
    for name, longest in (("actionformer_w7", 0), ("temporalmaxer", 192)):
        state = golden.state_dict(name.partition("_")[0], **localizers.SMALL)
        path = localizers.write(folder / f"{name}.safetensors", state, "module.")
        found[name] = Localizer(localizers.card(path, name, longest=longest))
    path = localizers.write(folder / "bmn.safetensors", golden.state_dict("bmn", channels=16))
    found["bmn"] = Localizer(Card("a", str(path), "bmn", FeatureSpec(16, 16, 16, rows=24)))
    return found


def assert_same(found, seconds_score, labels=None):
    """Compares Segments with golden ones: those of nearly the same score in any order."""
    rows = np.array([(one.start_s, one.end_s, one.score) for one in found])
    assert len(rows) == len(seconds_score)
    np.testing.assert_allclose(rows[:, 2], seconds_score[:, 2], atol=1e-5)
    left = list(range(len(rows)))
    for place, row in enumerate(seconds_score):
        near = (np.abs(rows[left] - row) <= (1e-4, 1e-4, 1e-5)).all(axis=1)
        if labels is not None:
            near &= [found[one].label == str(labels[place]) for one in left]
        assert near.any(), row
        left.pop(int(np.argmax(near)))


@pytest.mark.parametrize(
    ("name", "size", "meta"),
    [
        ("actionformer_w7", "small_w7", "meta_fps_duration_stride_nframes"),
        ("temporalmaxer", "small_gn", "meta_fps_duration_stride_offset"),
    ],
)
def test_segments(name, size, meta, made):
    run = golden.run(name.partition("_")[0], size)
    features = golden.inputs(run)["features"]
    for item, rows in enumerate(run["lengths"]):
        fps, duration_s, *_ = run[f"video{item}/{meta}"]
        grid = localizers.SPEC.grid(fps, rows)
        found = made[name](features[item, :rows], grid, float(duration_s), video="a")
        assert {one.video for one in found} == {"a"}
        assert_same(found, run[f"video{item}/final_seg_score"], run[f"video{item}/final_label"])


def test_proposals(made):
    run = golden.run("bmn", "small")
    frames, duration_s, interval = run["decode/duration_frame_second_interval"]
    step_s = frames // interval * interval / frames * duration_s / 24
    grid = Grid(step_s / 2, step_s)
    found = made["bmn"](golden.inputs(run)["features"][0], grid, duration_s)
    assert {one.label for one in found} == {""} and not made["bmn"].names
    assert_same(found, run["decode/after_seconds_score"])


def test_seconds_lie_in_the_video(made):
    features = golden.inputs(golden.run("actionformer", "small_w7"))["features"][0, :100]
    find = made["actionformer_w7"]
    for duration_s in (None, 9.0):
        found = find(features, GRID, duration_s)
        end_s = max(one.end_s for one in found)
        assert end_s == duration_s if duration_s else 13 < end_s <= (99 * 4 + 16) / 30
        assert all(0 <= one.start_s < one.end_s for one in found)
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def levels(outputs, rows):
    """Returns the logits and offsets of the points of some rows, level by level."""
    at = points(len(outputs.logits) // 63 * 32)
    own = at.row < rows
    return [outputs.logits[own], outputs.offsets[own]]


@pytest.mark.long
@pytest.mark.parametrize("rows", [3000, 3072])
def test_long_sequences_in_pieces(rows, made, monkeypatch):
    """The same as of the whole; what is computed at once is bounded."""
    find = made["actionformer_w7"]
    features = np.random.default_rng(0).normal(size=(rows, 32)).astype("f")
    whole = levels(find.outputs(features), rows)
    monkeypatch.setattr(module, "PIECE_ROWS", 768)
    lengths, predicted = [], find._predicted

    def watched(inputs):
        lengths.append(inputs["features"].shape[1])
        return predicted(inputs)

    monkeypatch.setattr(find, "_predicted", watched)
    for found, expected in zip(levels(find.outputs(features), rows), whole, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(lengths) == 4 and max(lengths) <= 2304 and len(set(lengths)) <= 3


def test_lengths_are_few_and_do_not_matter(made):
    find = made["actionformer_w7"]
    assert len({find._length(rows, False) for rows in range(2, 8000)}) == 11
    assert find._length(192, True) == 192 and find._length(192, False) == 384
    features = np.random.default_rng(0).normal(size=(100, 32)).astype("f")
    short = levels(find.outputs(features), 100)
    filled = np.pad(features, ((0, 2204), (0, 0)))[None]
    found = find._predicted({"features": filled, "mask": np.arange(2304)[None] < 100})
    long = levels(Outputs(found["logits"][0], found["offsets"][0]), 100)
    for a, b in zip(short, long, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert [made["temporalmaxer"]._length(rows, False) for rows in (5, 192, 193)] == [192, 192, 224]


def test_features_that_do_not_fit(made):
    find, rows = made["actionformer_w7"], np.zeros((30, 32), "f")
    wrong = (
        (rows[:, :31], "expected rows of 32 features"),
        (rows[None], r"got float32 \[1, 30, 32\]"),
        (rows.astype(str), "expected rows of 32 features"),
        (rows[:0], "expected rows of features, got none"),
        (np.full((30, 32), np.nan), "expected finite features"),
        (np.full((30, 32), 1e300), "expected finite features"),
    )
    for features, message in wrong:
        with pytest.raises(UserError, match=f"^clip.mp4: .*{message}") as caught:
            find(features, GRID, video="clip.mp4")
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="^features: expected 24 rows, got 30; interpolate"):
        made["bmn"](np.zeros((30, 16), "f"), GRID)


@pytest.mark.long
def test_rows_of_another_rate(tmp_path):
    """Where the rate is the localizer's own."""
    model = models.build("temporalmaxer", num_classes=2, channels=8, width=0.0625)
    model.save_weights(tmp_path / "a.weights.h5")
    spec = FeatureSpec(8, 16, 8, fps=25.0)
    card = Card("a", str(tmp_path / "a.weights.h5"), "temporalmaxer", spec, 0.0625)
    find = Localizer(card)
    assert find.names == ("0", "1") and find(np.ones((40, 8), "f"), spec.grid(30, 40)) is not None
    with pytest.raises(UserError, match=r"every 0.32 s .*got one every 0.1333 s"):
        find(np.ones((40, 8), "f"), GRID)


def test_checkpoints_that_do_not_fit(tmp_path):
    model = models.build("temporalmaxer", num_classes=2, channels=8, width=0.0625)
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    right = Card("a", str(path), "temporalmaxer", FeatureSpec(8, 16, 4), 0.0625)
    for fields, message in (
        ({"width": 0.125}, "a checkpoint of temporalmaxer .8 features, width 0.125"),
        ({"spec": FeatureSpec(16, 16, 4)}, "temporalmaxer .16 features, width"),
        ({"model": "bmn", "spec": FeatureSpec(8, 16, 16, rows=24)}, "a checkpoint of bmn"),
        ({"model": "bmn"}, "rows: expected 2 to 200, got 0"),
        ({"model": "tsn_r50_1x1x3"}, "expected a localizer"),
        ({"file": str(tmp_path / "none.weights.h5")}, "no such checkpoint"),
    ):
        wrong = Card(**{**vars(right), **fields})
        with pytest.raises(UserError, match=message) as caught:
            Localizer(wrong)
        assert "\n" not in str(caught.value)


@pytest.mark.long
def test_bfloat16_is_near(made):
    exact = made["actionformer_w7"]
    near = Localizer(exact.card, "bfloat16")
    features = np.random.default_rng(0).normal(size=(100, 32)).astype("f")
    a, b = (levels(find.outputs(features), 100)[0] for find in (exact, near))
    assert 0 < np.abs(a - b).mean() < 0.05 * a.std()


@pytest.mark.long
def test_windows_of_bmn(tmp_path):
    """Rows that are not interpolated are seen in windows; proposals lie where the rows are."""
    model = models.build("bmn", channels=8, rows=16, width=0.0625)
    model.save_weights(tmp_path / "a.weights.h5")
    spec = FeatureSpec(8, 16, 8, fps=25.0)
    find = Localizer(Card("a", str(tmp_path / "a.weights.h5"), "bmn", spec, 0.0625, longest=16))
    features = np.random.default_rng(0).normal(size=(40, 8)).astype("f")
    for rows in (10, 16, 40):
        found = find(features[:rows], spec.grid(25, rows))
        assert found and all(0 <= one.start_s < one.end_s < (rows + 1) * 0.32 for one in found)
    assert max(one.end_s for one in found) > 32 * 0.32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["actionformer", "temporalmaxer"])
def test_segments_of_published_sizes(name, tmp_path):
    path = localizers.write(tmp_path / "a.safetensors", golden.state_dict(name))
    spec, run = FeatureSpec(2048, 16, 4), golden.run(name, "full")
    find = Localizer(localizers.card(path, name, spec=spec, width=1.0, longest=576))
    meta = next(key for key in run if key.startswith("video0/meta"))
    fps, duration_s, *_ = run[meta]
    features = golden.inputs(run)["features"][0, : int(run["lengths"][0])]
    found = find(features, spec.grid(fps, len(features)), float(duration_s))
    assert_same(found, run["video0/final_seg_score"], run["video0/final_label"])
