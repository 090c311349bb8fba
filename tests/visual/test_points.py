"""A map of points: its projections, and what the page holds."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from sklearn.decomposition import PCA

from i3d.runtime.command import UserError
from i3d.visual import charts, points
from tests.helpers.pages import NASTY, Page


def clouds(count=20, width=12):
    """Returns three clouds far from each other, float32 [3 * count, width]."""
    random = np.random.default_rng(0)
    centres = 20 * random.normal(size=(3, 1, width))
    return (centres + random.normal(size=(3, count, width))).reshape(-1, width).astype(np.float32)


def test_pca_is_that_of_scikit_learn():
    features = clouds()
    expected = PCA(2, svd_solver="full").fit_transform(features.astype(np.float64))
    np.testing.assert_allclose(points.reduced(features, "pca"), expected, atol=1e-8)


@pytest.mark.parametrize("method", points.METHODS)
def test_clouds_stay_apart(method):
    places = points.reduced(clouds(), method).reshape(3, 20, 2)
    middles = places.mean(axis=1)
    within = np.linalg.norm(places - middles[:, None], axis=-1).max()
    between = min(np.linalg.norm(middles[a] - middles[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert between > 1.5 * within


def test_few_points_and_features():
    found = points.reduced(np.array([[1.0], [3.0]]), "pca")
    np.testing.assert_allclose(found, [[-1, 0], [1, 0]])
    for count, hint in ((1, "$"), (2, "; --method=pca takes 2"), (3, "; --method=pca takes 2")):
        told = f"--method=tsne: expected 4 vectors or more, got {count}{hint}"
        with pytest.raises(UserError, match=told):
            points.reduced(np.eye(count, 2), "tsne")
    with pytest.raises(UserError, match="--method=pca: expected 2 vectors or more, got 1$"):
        points.reduced(np.ones((1, 2)), "pca")


@pytest.mark.parametrize("method", points.METHODS)
def test_equal_vectors_are_no_map(method):
    with pytest.raises(UserError, match="^all 26 vectors are equal"):
        points.reduced(np.ones((26, 8), np.float32), method)


DEGENERATE = {
    "two distinct": np.eye(2, 8).repeat(13, axis=0),
    "all but one": np.eye(26)[:, :1] * np.ones(8),
    "each six times": np.eye(5, 8).repeat(6, axis=0),
    "constant columns": np.arange(20.0)[:, None] * np.eye(1, 8) + 1,
    "large": 1e300 * np.sin(np.arange(208.0)).reshape(26, 8),
    "tiny": 1e-300 * np.sin(np.arange(208.0)).reshape(26, 8),
    "float32": np.float32(3e38) * np.sin(np.arange(208, dtype="f4")).reshape(26, 8),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_vectors(name):
    """Warnings are errors; NaN would end the process in scikit-learn."""
    for method in points.METHODS:
        assert np.isfinite(points.reduced(DEGENERATE[name], method, perplexity=900)).all()


def test_the_page():
    titles, classes = ["a", NASTY, "c"], ["jump", NASTY, ""]
    uris = ["data:image/jpeg;base64,AAAA", "", ""]
    places = np.array([[0, 0], [1, 0], [0, 1.0]])
    text = points.points_page("Map", "About.", places, titles, classes, uris)
    page = Page(text)
    marks = [path for path in page.of("path") if path.get("role") == "option"]
    assert [mark["aria-label"] for mark in marks] == ["a, jump", f"{NASTY}, {NASTY}", "c"]
    assert [mark.get("data-src") for mark in marks] == [uris[0], None, None]
    x, y = (np.array([float(mark[f"data-{axis}"]) for mark in marks]) for axis in "xy")
    assert x[0] == x[2] < x[1] and y[2] < y[0] == y[1]  # the second axis points upwards
    assert ((x > 0) & (x < 900) & (y > 0) & (y < 640)).all()
    assert page.of("svg")[0]["tabindex"] == "0" and len(page.of("script")) == 1
    assert "no class (1)" in text


def test_points_without_classes_have_no_legend():
    text = points.points_page("Map", "", np.zeros((2, 2)), ["a", "b"], ["", ""])
    assert "<h2>Classes</h2>" not in text
    Page(text)


def test_colours_have_the_contrast_of_graphics():
    for colour in points.COLOURS:
        levels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert charts.contrast(levels, (255, 255, 255)) >= 3


@pytest.fixture(scope="module")
def browser():
    """The program of a browser without a window."""
    found = shutil.which("chromium")
    if not found:
        pytest.skip("chromium is not installed: no browser to try the page in")
    return found


@pytest.mark.long
def test_the_arrow_keys_go_to_the_nearest_mark_in_their_direction(browser, tmp_path):
    uris = ["data:image/png;base64,AAAA", "", "", ""]
    places = np.array([[0, 0], [1, 0.1], [0, 1.0], [3, 0]])
    text = points.points_page("Map", "", places, ["a", "b", NASTY, "d"], [""] * 4, uris)
    tried = """<script>
      const said = [];
      const press = key => {
        map.dispatchEvent(new KeyboardEvent("keydown", {key: key}));
        said.push(document.getElementById("text").textContent + (shot.hidden ? "" : " seen"));
      };
      map.focus(); said.push(map.getAttribute("aria-activedescendant"));
      for (const key of ["x", "ArrowRight", "ArrowRight", "ArrowRight", "Home", "ArrowUp", "End"])
        press(key);
      points[1].dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
      said.push(document.getElementById("text").textContent);
      document.title = JSON.stringify(said);
    </script></body>"""
    (tmp_path / "map.html").write_text(text.replace("</body>", tried))
    words = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--dump-dom",
    )
    done = subprocess.run(
        [browser, *words, (tmp_path / "map.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    title = html.unescape(re.search("<title>(.*?)</title>", done.stdout)[1])
    assert json.loads(title) == [
        *("p0", "a seen", "b", "d", "d", "a seen", NASTY, "d", "b"),
    ]
