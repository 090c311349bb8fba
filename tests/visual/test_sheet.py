"""Pictures side by side in one file."""

import cv2
import numpy as np
import pytest

from i3d.runtime.command import UserError
from i3d.visual.sheet import Sheet


def tile(level):
    return np.full((6, 10, 3), level, np.uint8)


def levels(path):
    """Returns the levels of the tiles, row by row."""
    return cv2.imread(str(path))[3::6, 5::10, 0].ravel().tolist()


def test_few_pictures_are_all_there(tmp_path):
    with Sheet(tmp_path / "a.png") as sheet:
        for level in (10, 20, 30):
            sheet.add(tile(level))
    assert levels(tmp_path / "a.png")[:3] == [10, 20, 30]


@pytest.mark.parametrize("count", [13, 25, 200])
def test_many_are_spread(tmp_path, count):
    with Sheet(tmp_path / "a.png") as sheet:
        for level in range(count):
            sheet.add(tile(level))
            assert len(sheet._kept) <= 24
    found = levels(tmp_path / "a.png")[:12]
    steps = np.diff(found)
    assert found[0] == 0 and count * 0.6 < found[-1] < count
    assert steps.min() > 0 and steps.max() <= 2 * steps.min()


def test_no_file_after_an_error_or_without_pictures(tmp_path):
    with pytest.raises(ZeroDivisionError), Sheet(tmp_path / "a.png") as sheet:
        sheet.add(tile(1))
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
