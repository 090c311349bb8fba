"""Checkpoints by name, and the folder where they lie."""

import subprocess
import sys
from pathlib import Path

import pytest

from i3d.inference import checkpoint
from i3d.runtime.command import UserError
from i3d.weights import download, find, zoo
from i3d.weights.cards import CARDS, DEMO_CARDS
from i3d.weights.files import FILES
from i3d.weights.kinds import taken_by
from tests.helpers.processes import ROOT


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty folder to work in, and no variables that name another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("I3D_CHECKPOINTS", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


def put(folder, name="rgb_scratch"):
    """Makes empty files of a checkpoint's names."""
    for item in FILES[name][:2]:
        (folder / item.target).parent.mkdir(parents=True, exist_ok=True)
        (folder / item.target).touch()


def test_cards_that_are_not_downloaded_by_name():
    name = next(iter(zoo.CARDS)).removesuffix(".pth")
    with pytest.raises(UserError, match=f"{name}: is not downloaded by name; get {name}.pth from "):
        find.path_of(name)
    with pytest.raises(UserError, match="did you mean rgb_scratch"):
        find.path_of("RGB_SCRATCH")


def test_the_folder_of_checkpoints(nowhere, monkeypatch):
    assert find.folder() == ROOT / "checkpoints"  # this checkout's
    (nowhere / "checkpoints/run").mkdir(parents=True)
    assert find.folder() == ROOT / "checkpoints"  # nothing of what is published lies in it
    monkeypatch.setattr(find, "_PACKAGE", nowhere / "site-packages/i3d/weights")
    monkeypatch.setenv("HOME", str(nowhere / "home"))
    assert find.folder() == nowhere / "home/.cache/i3d/checkpoints"
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere / "cache"))
    assert find.folder() == nowhere / "cache/i3d/checkpoints"
    (nowhere / "checkpoints/rgb_scratch").mkdir()
    assert find.folder() == nowhere / "cache/i3d/checkpoints"  # a download that failed left it
    put(nowhere / "checkpoints")
    assert find.folder() == Path("checkpoints")
    monkeypatch.setenv("I3D_CHECKPOINTS", "~/mine")
    assert find.folder() == nowhere / "home/mine"


def test_a_name_is_the_path_of_its_card(nowhere, monkeypatch):
    monkeypatch.setenv("I3D_CHECKPOINTS", str(nowhere))
    put(nowhere)
    prefix = str(nowhere / "rgb_scratch/model.ckpt")
    assert find.path_of("rgb_scratch") == prefix
    card = checkpoint.card_of(None, "rgb_scratch")
    assert (card.name, card.file, card.spec) == ("rgb_scratch", prefix, CARDS["rgb_scratch"].spec)
    assert Path(find.path_of("demo_flow")) == ROOT / "i3d/weights/demo/flow.weights.h5"
    for name, card in DEMO_CARDS.items():
        assert checkpoint.card_of(None, name, takes=taken_by(card.model)).name == name


def test_a_path_wins_over_a_name_and_others_stay_as_they_are(nowhere):
    assert find.path_of("") == "" and find.path_of("runs/x.weights.h5") == "runs/x.weights.h5"
    (nowhere / "rgb_scratch").touch()
    assert find.path_of("rgb_scratch") == "rgb_scratch"
    (nowhere / "flow_scratch.index").touch()
    assert find.path_of("flow_scratch") == "flow_scratch"


def test_what_is_missing_is_downloaded(nowhere, monkeypatch, capsys):
    monkeypatch.setenv("I3D_CHECKPOINTS", str(nowhere / "new"))
    monkeypatch.setattr(download, "fetch", lambda names, folder: put(folder, *names))
    assert find.path_of("rgb_scratch") == str(nowhere / "new/rgb_scratch/model.ckpt")
    assert capsys.readouterr().err == (f"rgb_scratch is not in {nowhere / 'new'}: downloading it\n")
    monkeypatch.setattr(download, "fetch", lambda *_: pytest.fail("it is there"))
    assert find.path_of("rgb_scratch") and not capsys.readouterr().err


def test_half_a_checkpoint_is_not_there(nowhere):
    put(nowhere)
    (nowhere / "rgb_scratch/model.ckpt.index").unlink()
    assert not find.is_there(CARDS["rgb_scratch"], nowhere)


def test_misspelt_names(nowhere):
    with pytest.raises(UserError, match="rgb_scrach: no such checkpoint; did you mean rgb_scratch"):
        find.path_of("rgb_scrach")
    with pytest.raises(UserError, match="nothing: no such checkpoint; .*rgb_imagenet, rgb_scratch"):
        checkpoint.card_of(None, "nothing")


def test_neither_tensorflow_nor_a_network_library_is_needed():
    heavy = {"tensorflow", "keras", "requests"}
    code = f"import sys, i3d.weights.find; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done
