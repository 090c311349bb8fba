"""Features kept by content: what is another video, and what is not believed."""

import numpy as np
import pytest

from i3d.probing.cache import Cache, content_of
from i3d.probing.videos import Part
from i3d.runtime.command import UserError
from i3d.video.images import Images

FEATURES = np.arange(5, dtype=np.float32)


def test_what_was_put_is_got(tmp_path):
    cache = Cache(tmp_path, {"views": 2})
    assert cache.get("ab12") is None
    cache.put("ab12", FEATURES)
    np.testing.assert_array_equal(cache.get("ab12"), FEATURES)
    np.testing.assert_array_equal(Cache(tmp_path, {"views": 2}).get("ab12"), FEATURES)
    assert Cache(tmp_path, {"views": 3}).get("ab12") is None  # another plan
    assert not cache.damaged


def test_damaged_and_exchanged_entries_are_not_believed(tmp_path):
    cache = Cache(tmp_path, {})
    cache.put("ab12", FEATURES)
    (path,) = tmp_path.rglob("*.npz")
    data = path.read_bytes()
    spoilt = bytearray(data)
    spoilt[data.index(FEATURES.tobytes()) + 6] ^= 1
    for content in (spoilt, data[:100], b"", b"no archive"):
        path.write_bytes(content)
        assert cache.get("ab12") is None
    path.with_name("ab34.npz").write_bytes(data)  # of another video
    assert cache.get("ab34") is None and cache.damaged == 5
    cache.put("ab12", FEATURES)
    assert cache.get("ab12") is not None


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--cache: .* cannot be written to: "):
        Cache(tmp_path / "file", {})


def test_content_is_of_bytes_and_part_not_of_names(tmp_path):
    for name, data in (("a.mp4", b"1"), ("b.mp4", b"1"), ("c.mp4", b"2")):
        (tmp_path / name).write_bytes(data)
    a, b, c = (str(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4"))
    assert content_of(a) == content_of(b) != content_of(c)
    assert content_of(Part(a, 0.0, 1.0)) == content_of(Part(b, 0.0, 1.0))
    assert len({content_of(x) for x in (a, Part(a, 0, 1), Part(a, 0, 2), Part(a, 1, 2))}) == 4
    for folder, names in (("x", ["1.jpg", "2.jpg"]), ("y", ["3.jpg", "4.jpg"])):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_bytes(name.encode()[1:] + b"same")
    x, y = str(tmp_path / "x"), str(tmp_path / "y")
    assert content_of(Images(x, 25.0)) == content_of(Images(y, 25.0))
    assert content_of(Images(x, 25.0)) != content_of(Images(x, 10.0))
    assert content_of(Images(x, 25.0)) != content_of(Images(x, 25.0, 1, 1))
