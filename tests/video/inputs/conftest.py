"""The folder that most lists are about."""

import pytest

from tests.helpers.inputs import touch


@pytest.fixture
def root(tmp_path):
    """A folder of three videos in two classes."""
    folder = tmp_path / "videos"
    touch(folder, "jump/b.mp4", "jump/a b.AVI", "run/deep/er/c.webm")
    return folder
