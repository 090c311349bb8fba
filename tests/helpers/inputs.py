"""Files and lists of no content, and the line that a mistake in them gives."""

from pathlib import Path

import pytest

from i3d.video import inputs

UCF_CLASSES = "1 Archery\r\n2 HandstandPushups\r\n3 YoYo\r\n"


def touch(root, *names):
    for name in names:
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def listed(path, text):
    """Writes a list, and returns its path; bytes are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def short(items):
    return [(item.id, item.label) for item in items]


def error(*arguments, **settings):
    """Returns the one line that the call fails with."""
    with pytest.raises(inputs.InputError) as caught:
        inputs.read(*arguments, **{"image_fps": None} | settings)  # as commands with the flag
    line = str(caught.value)
    assert "\n" not in line
    return line
