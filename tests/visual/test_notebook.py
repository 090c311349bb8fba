"""A labelled video in a notebook."""

import base64
import io

import av
import pytest

import i3d
from i3d.runtime.command import UserError
from i3d.visual import notebook
from i3d.visual.notebook import LabelledVideo, labelled
from tests.helpers import runs
from tests.helpers.pages import Page
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.usefixtures("tiny_model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("notebook")
    write_video(folder / "a.mp4", texture_frames(20))
    return folder


@pytest.fixture(scope="module")
def predictor(folder):
    return i3d.load(runs.write(folder / "rgb"))


def test_it_shows_itself(folder, predictor, tmp_path):
    shown = labelled(predictor, folder / "a.mp4", truth="walk")
    ((name, score),) = predictor.predict(folder / "a.mp4", 1)
    assert (shown.name, shown.frames, shown.out) == (name, 20, "")
    assert shown.score == pytest.approx(score, abs=1e-6)
    page = shown._repr_html_()
    (player,) = Page(page).of("video")
    kind, _, data = player["src"].partition(",")
    assert kind == "data:video/mp4;base64" and "controls" in player
    assert player["aria-label"].startswith(f"a.mp4: {name} {score:.3f}, ")
    with av.open(io.BytesIO(base64.b64decode(data))) as container:
        assert len(list(container.decode(video=0))) == 20
    assert f"<p>a.mp4: {name} {score:.3f}; 20 frames, 0.80 s</p>" in page
    assert "data" not in repr(shown)


def test_it_is_kept_where_that_is_asked_for(folder, predictor, tmp_path, monkeypatch):
    out = tmp_path / "b.mp4"
    monkeypatch.setattr(notebook, "MOST_BYTES", 100)
    page = labelled(predictor, folder / "a.mp4", out)._repr_html_()
    assert "<video" not in page and f"open {out}." in page and out.stat().st_size > 100
    assert "give out=FILE.mp4" in labelled(predictor, folder / "a.mp4")._repr_html_()
    for wrong, expected in ((out, "is there already"), (tmp_path / "c.gif", "ends in .mp4")):
        with pytest.raises(UserError, match=expected):
            labelled(predictor, folder / "a.mp4", wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


def test_names_are_escaped():
    shown = LabelledVideo('x/"<b>.mp4', "", '<i>"', 0.5, 1, 0.04, 3, b"mp4")._repr_html_()
    assert "&lt;i&gt;&quot;" in shown and "<i>" not in shown and "<b>" not in shown
