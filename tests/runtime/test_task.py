"""The choice of a --task."""

import pytest

from i3d.runtime import task


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], task.RECOGNITION),
        (["--task=ava"], task.AVA),
        (["--found=x.json", "--task=localization", "more"], task.LOCALIZATION),
        (["--task", "localization", "--help"], task.LOCALIZATION),
        (["--task=walking"], task.RECOGNITION),  # told where all flags are parsed
        (["--", "--task=ava"], task.RECOGNITION),
    ],
)
def test_asked(words, expected):
    assert task.asked(["evaluate", *words]) == expected
