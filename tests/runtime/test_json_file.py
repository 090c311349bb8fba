"""Objects of JSON within bounds: all else is one line."""

import pytest

from i3d.runtime import json_file


def test_an_object_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, null, "\\ud83d\\ude00 ü"]}', encoding="utf-8")
    assert json_file.read(tmp_path / "a.json") == {"a": [1, 2.5, None, "\U0001f600 ü"]}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[1]",
        b"null",
        b"{",
        b"\xff",
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 100_000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": {"b": 1, "b": 1}}',
    ],
)
def test_other_texts_are_one_line(text, tmp_path):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(json_file.JsonError, match="a.json: cannot be read: ") as caught:
        json_file.read(tmp_path / "a.json")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_large_files_are_not_read(tmp_path):
    with open(tmp_path / "a.json", "wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(json_file.JsonError, match="at most 16,777,216 bytes"):
        json_file.read(tmp_path / "a.json")
