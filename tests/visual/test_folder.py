"""A folder of labelled videos that was left unfinished; tests/test_kills.py kills it anywhere."""

import numpy as np
import pytest

from i3d.runtime.command import UserError
from i3d.visual.folder import Folder, check_folder
from i3d.visual.gallery import Shown
from i3d.visual.samples import Clip
from tests.helpers.processes import contents

PLAN = {"--seed": "0", "the choice of": "2 videos (1a)"}


@pytest.fixture
def out(tmp_path):
    """A folder in which one of two videos is labelled, and another half."""
    clips = clips_of(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt), Folder(tmp_path / "out", PLAN, clips) as folder:
        label(folder, clips[0])
        (tmp_path / "out/run/.1.mp4.12.partial").mkdir()
        (tmp_path / "out/run/1.mp4").write_text("not noted")
        raise KeyboardInterrupt
    return tmp_path / "out"


def clips_of(out):
    return [Clip(f"{i}.avi", str(out / f"run/{i}.mp4"), "run") for i in range(2)]


def label(folder, clip, name="ラン"):
    path = folder.path(clip)
    (folder._out / path).parent.mkdir(parents=True, exist_ok=True)
    (folder._out / path).write_text("a video")
    picture = np.random.default_rng(0).integers(0, 256, (18, 24, 3), np.uint8)
    folder.save(clip, Shown(path, clip.truth, name, 0.5, picture))
    return picture


def test_the_same_plan_goes_on(out):
    clips = clips_of(out)
    with Folder(out, PLAN, clips) as folder:
        assert folder.left == clips[1:]
        assert [p.name for p in (out / "run").iterdir()] == ["0.mp4"]
        (shown,) = folder.shown
        picture = label(folder, clips[1])
        assert shown[:4] == ("run/0.mp4", "run", "ラン", 0.5)
        np.testing.assert_array_equal(shown.picture, picture)
        folder.finish([])
    assert sorted(contents(out)) == ["contact_sheet.jpg", "index.html", "run/0.mp4", "run/1.mp4"]
    with pytest.raises(UserError, match="expected a new or empty folder, got one with files"):
        check_folder(out)


def test_another_plan_is_refused(out):
    check_folder(out)
    before = contents(out)
    expected = "holds unfinished work with --seed 0, this command has 1: give the same flags to"
    with pytest.raises(UserError, match=expected), Folder(out, PLAN | {"--seed": "1"}, []):
        pass
    assert contents(out) == before


def test_two_at_a_time_are_refused(out):
    with Folder(out, PLAN, clips_of(out)):
        before = contents(out)
        with (
            pytest.raises(UserError, match="another command is at work there; wait for it"),
            Folder(out, PLAN, clips_of(out)),
        ):
            pass
        assert contents(out) == before


def test_nothing_is_left_of_nothing(tmp_path):
    clips = clips_of(tmp_path / "out")
    with (
        pytest.raises(UserError, match="none of 2 videos could be labelled"),
        Folder(tmp_path / "out", PLAN, clips) as folder,
    ):
        folder.finish(["0.avi: no video", "1.avi: no video"])
    assert not (tmp_path / "out").exists()


def test_a_damaged_note(out):
    (out / ".unfinished/0.json").write_text("{")
    with (
        pytest.raises(UserError, match="0.json: cannot be read: not JSON"),
        Folder(out, PLAN, clips_of(out)),
    ):
        pass
