"""Names of networks, labels as text, activation; predictions themselves: tests/test_serve.py."""

import dataclasses

import pytest

from i3d.inference import options
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.visual.figures.render import render
from i3d.web import networks
from i3d.web.upload import Video
from i3d.weights.cards import DEMO_CARDS
from tests.helpers import clip_files
from tests.helpers.videos import texture_frames, write_video


def test_names_are_no_paths_and_differ():
    card = DEMO_CARDS["demo_rgb"]
    paths = (
        "/home/me/runs/rgb/best.weights.h5",
        "/b/rgb/best.weights.h5",
        "/c/rgb/best.weights.h5",
    )
    cards = [card, *(dataclasses.replace(card, name=path) for path in paths)]
    found = networks.Networks(cards)
    best = "rgb/best.weights.h5"
    assert found.names == ("demo_rgb", best, f"{best} #2", f"{best} #3")
    assert found.described("demo_rgb") == "inception_i3d, RGB"
    with pytest.raises(UserError, match="expected demo_rgb, .*got 'other'"):
        found.check(["demo_rgb", "other"])


def video(path, *models, **fields):
    return Video(path, "a.mp4", list(models), **fields)


def test_labels_lack_or_are_in_vain():
    tiny = dataclasses.replace(DEMO_CARDS["demo_rgb"], name="clip", model="clip_b16", labels="")
    found = networks.Networks([DEMO_CARDS["demo_rgb"], tiny])
    assert found.take_text and found.described("clip") == "clip_b16, RGB; classes as text"
    found.check(["demo_rgb", "clip"])  # which takes the classes of the other
    found.check(["clip"], ("a", "b"))
    with pytest.raises(UserError, match="text: the classes of clip are texts: expected labels"):
        found.check(["clip"])
    with pytest.raises(UserError, match="text: demo_rgb has no text tower"):
        found.check(["clip", "demo_rgb"], ("a", "b"))


def test_a_list_of_other_files_is_refused(tmp_path):
    write_video(tmp_path / "a.mp4", texture_frames(10))
    (tmp_path / "video").write_text("ffconcat version 1.0\nfile a.mp4\n")
    found = networks.Networks([DEMO_CARDS["demo_rgb"]])
    with pytest.raises(UserError, match="list of other files"):
        found.predict(video(tmp_path / "video", "demo_rgb"), 5, lambda: None)


def test_activation_is_of_one_clip():
    whole = DEMO_CARDS["demo_rgb"].spec
    clip = networks._of_one_clip(dataclasses.replace(whole, frames=64, crops=3))
    assert (clip.frames, clip.clips, clip.num_views, clip.whole) == (32, 1, 1, False)
    segments = InputSpec(segments=8, fixed_segments=True, crops=3, twice=True)
    seen = networks._of_one_clip(segments)
    assert (seen.segments, seen.num_views) == (8, 1)


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    """Networks of RGB and flow and one that takes text, and a video."""
    folder = tmp_path_factory.mktemp("networks")
    clip_files.write_clip(folder / "clip.safetensors")
    cards = options.cards_of(["demo_rgb", "demo_flow"])
    cards += options.cards_of([str(folder / "clip.safetensors")], ["clip_tiny"])
    return networks.Networks(cards), write_video(folder / "a.mp4", render("clapping", seed=0))


@pytest.mark.long
def test_activation_of_each_network(offered):
    found, path = offered
    both = video(path, "demo_flow", "demo_rgb")
    pictures = found.activation(both, 1, lambda: None)
    assert [each.alt.split(",")[0] for each in pictures] == [
        "Activation of demo_flow for clapping",
        "Activation of demo_rgb for clapping",
    ]
    count = [sum(len(layer._inbound_nodes) for layer in layers_of(found)) for _ in range(2)]
    assert found.activation(both, 1, lambda: None) == pictures
    assert count[1] == sum(len(layer._inbound_nodes) for layer in layers_of(found))
    with pytest.raises(InterruptedError):
        found.activation(both, 1, raising)


def layers_of(found):
    return [layer for net, _ in found._loaded._cams.values() for layer in net.core.layers]


def raising():
    raise InterruptedError


@pytest.mark.long
def test_labels_as_text(offered, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found, path = offered
    name = found.names[2]
    for labels in (("a person clapping", "a person waving"), ("one", "two", "three")):
        asked = video(path, name, labels=labels)
        rows = found.predict(asked, 5, lambda: None)
        assert {label for _, label, _ in rows} == set(labels)
        (picture,) = found.activation(asked, rows[0][0], lambda: None)
        assert f"for {rows[0][1]}" in picture.alt
    assert not list(tmp_path.rglob("*.npz"))  # labels of visitors are not kept
    rows = found.predict(video(path, "demo_rgb", name), 1, lambda: None)
    assert rows[0][1] == "clapping"


@pytest.mark.long
def test_timeline_and_strip(offered):
    found, path = offered
    rows, spans, strip = found.timeline(video(path, "demo_rgb"), 1, lambda: None)
    assert rows == found.predict(video(path, "demo_rgb"), 1, lambda: None)
    assert spans[0].label == "clapping" and strip.of == "timeline"
