"""Pictures side by side under titles."""

import numpy as np
import pytest

from i3d.runtime.command import UserError
from i3d.visual import text
from i3d.visual.panels import output, titled


def grey(height, width):
    return np.full((height, width, 3), 128, np.uint8)


def test_panels_have_one_height():
    found = titled({"frame": grey(200, 300), "flow": grey(100, 100)})
    line = len(found) - 200
    assert found.shape[1] == 300 + 4 + 200 and 10 < line < 30
    assert (found[line:, :300] == 128).all() and (found[line:, 304:] == 128).all()
    assert (found[:line, :300] == 255).any()  # its title
    assert len(titled({"frame": grey(200, 300)}, "a class")) == 200 + 2 * line


def test_small_pictures_are_enlarged():
    found = titled({"frame": grey(16, 16)})
    assert found.shape[1] == 192 and len(found) > 192


def test_titles_of_narrow_pictures_are_whole(monkeypatch):
    written = []
    monkeypatch.setattr(text, "write", lambda picture, words, *where: written.append(words))
    titles = ["frame", "arrows of the flow"]
    found = titled(dict.fromkeys(titles, grey(240, 40)))
    assert written == titles
    assert (found[-1] == 128).all(-1).sum() == 2 * 40


def test_names_of_files(tmp_path):
    for name in ("a.mp4", "a.gif", "a.png"):
        output(tmp_path / name, 25)
    with pytest.raises(UserError, match="ends in"):
        output(tmp_path / "a.avi", 25)
