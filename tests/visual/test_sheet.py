"""Pictures side by side in one file."""

import cv2
import numpy as np
import pytest

from i3d.runtime.command import UserError
from i3d.visual import text
from i3d.visual.sheet import Sheet


def tile(level):
    return np.full((6, 10, 3), level, np.uint8)


HEIGHT, WIDTH = 18 + 6 + 12, 10 + 12  # with a line of text, and gaps


def levels(path):
    """Returns the levels of the tiles, row by row."""
    picture = cv2.imread(str(path))
    assert (picture[:, 10::WIDTH] == 255).all() and (picture[24::HEIGHT] == 255).all()  # gaps
    return picture[18 + 3 :: HEIGHT, 5::WIDTH, 0].ravel().tolist()


def test_few_pictures_are_all_there(tmp_path):
    with Sheet(tmp_path / "a.png") as sheet:
        for level in (10, 20, 30):
            sheet.add(tile(level), level / 25, (level + 1) / 25)
    assert levels(tmp_path / "a.png")[:3] == [10, 20, 30]


@pytest.mark.parametrize("count", [13, 25, 200])
def test_many_are_spread(tmp_path, count):
    with Sheet(tmp_path / "a.png") as sheet:
        for level in range(count):
            sheet.add(tile(level), level / 25, (level + 1) / 25)
            assert len(sheet._kept) <= 24
    found = levels(tmp_path / "a.png")[:12]
    steps = np.diff(found)
    assert found[0] == 0 and count * 0.6 < found[-1] < count
    assert steps.min() > 0 and steps.max() <= 2 * steps.min()


def test_frames_have_their_number_and_time(tmp_path, monkeypatch):
    captions = []
    monkeypatch.setattr(text, "write", lambda picture, words, *where: captions.append(words))
    for timed in (True, False):
        with Sheet(tmp_path / f"{timed}.png", timed) as sheet:
            for number in range(2):
                sheet.add(np.zeros((100, 200, 3), np.uint8), number / 25, (number + 1) / 25)
    assert captions == ["frame 1, 0.00 s", "frame 2, 0.04 s", "frame 1", "frame 2"]


def test_no_file_after_an_error_or_without_pictures(tmp_path):
    with pytest.raises(ZeroDivisionError), Sheet(tmp_path / "a.png") as sheet:
        sheet.add(tile(1), 0, 1)
        raise ZeroDivisionError
    with Sheet(tmp_path / "a.png"):
        pass
    assert not list(tmp_path.iterdir())


def test_names(tmp_path):
    with pytest.raises(UserError, match=r"ends in .png, .jpg or .jpeg"):
        Sheet(tmp_path / "a.bmp")
    (tmp_path / "a.png").touch()
    with pytest.raises(UserError, match="is there already"):
        Sheet(tmp_path / "a.png")
