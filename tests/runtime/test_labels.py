"""Files of class names in their usual forms, and the line about one that cannot be used."""

import json
import time

import pytest

from i3d.runtime.labels import class_names
from i3d.runtime.text import InputError

NAMES = ["clap hands", "run", "sauté", "3 point shot"]
FORMS = {
    "plain": "\n".join(NAMES),
    "mark and CRLF": "\ufeff" + "\r\n".join(NAMES) + "\r\n\r\n",
    "old Mac": "\r".join(NAMES),
    "UTF-16": "\r\n".join(NAMES).encode("utf-16"),
    "UTF-16, the other order": b"\xfe\xff" + "\n".join(NAMES).encode("utf-16-be"),
    "numbers from 0": "\n".join(f"{i} {name}" for i, name in enumerate(NAMES)),
    "numbers from 1, not in order": "4\t3 point shot\n2  run \n1 clap hands\n3 sauté\n",
    "CSV": "\n".join(f"{i},{name}" for i, name in enumerate(NAMES)),
    "CSV with a header": "id,name\r\n" + "\r\n".join(f'{i},"{n}"' for i, n in enumerate(NAMES)),
    "CSV from 1, not in order": "Label, Class\n2,run\n1, clap hands\n4,3 point shot\n3,sauté",
    "name,id": "\n".join(f"{name},{i}" for i, name in enumerate(NAMES)),
    "name,id with a header": "name,id\n" + "\n".join(f"{n},{i}" for i, n in enumerate(NAMES, 1)),
    "numbers last": "\n".join(f"{name} {i}" for i, name in enumerate(NAMES)),
    "colons": "\n".join(f"{i}: {name}" for i, name in enumerate(NAMES)),
    "semicolons": "\n".join(f"{i};{name}" for i, name in enumerate(NAMES)),
    "semicolons, numbers last": "\n".join(f"{name}; {i}" for i, name in enumerate(NAMES)),
    "JSON list": json.dumps(NAMES),
    "JSON, not ASCII": json.dumps(NAMES, ensure_ascii=False, indent=1),
    "JSON with a mark": "\ufeff" + json.dumps(NAMES),
    "id -> name": json.dumps({str(i): name for i, name in reversed(list(enumerate(NAMES)))}),
    "name -> id": json.dumps({name: i for i, name in reversed(list(enumerate(NAMES)))}),
    "name -> id from 1": json.dumps({name: i for i, name in enumerate(NAMES, 1)}),
    "name -> id in words": json.dumps({name: str(i) for i, name in enumerate(NAMES)}),
    "pytorchvideo": json.dumps({f'"{n}"' if " " in n else n: i for i, n in enumerate(NAMES)}),
    "classes": json.dumps({"source": "x", "classes": NAMES}),
    "decomposed": "\n".join(NAMES).replace("é", "e\u0301"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_names_in_label_order(tmp_path, form):
    suffix = ".json" if set("[{") & set(str(FORMS[form])) else ".txt"
    assert class_names(_file(tmp_path / f"labels{suffix}", FORMS[form])) == NAMES


@pytest.mark.parametrize("names", [["level 1", "level 2"], ["a 0", "b 2"]])
def test_numbers_that_belong_to_names(tmp_path, names):
    assert class_names(_file(tmp_path / "labels.txt", "\n".join(names))) == names


def test_a_list_of_names():
    assert class_names(("b", "a")) == ["b", "a"]
    assert class_names(["e\u0301"]) == ["é"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run\njump\nrun\n", "got 'run' twice"),
        ("sauté\nsaute\u0301\n", "got 'sauté' twice"),
        ("", "got none"),
        ("0 run\n2 jump\n", "from 0 or 1 without gaps"),
        ("2 run\n3 jump\n", "from 0 or 1 without gaps"),
        ("0 run\n0 jump\n", "from 0 or 1 without gaps"),
        ("9" * 5000 + " run\n1 jump\n", "from 0 or 1 without gaps"),
        ("0,run\n1,jump, high\n", "got '1,jump,high'; a name that holds a comma needs quotes"),
        ('0,run\n1,"jump\n', "expected lines `id,name`: "),
        ("0,run\n1,\n", "got ''"),
        ("run,1000000000004\njump,5\n", "from 0 or 1 without gaps"),
        ("1000000000004,run\n5,jump\n", "from 0 or 1 without gaps"),
        ("caf\xe9\n".encode("latin-1"), "labels.txt:1: expected text in UTF-8"),
        (b"run\0\n", "it holds zero bytes"),
        ('{"1": "two", "3": "one"}', "from 0 or 1 without gaps"),
        ('{"a": 0, "b": 0}', "from 0 or 1 without gaps"),
        ('{"a": 0, "b": "c"}', "expected a JSON list of names, "),
        ('{"a": 0.5}', "expected a JSON list of names, "),
        ('{"a": true}', "expected a JSON list of names, "),
        ("[1, 2]", "expected a JSON list of names, "),
        ("[]", "got none"),
        ("{}", "expected a JSON list of names, "),
        ("run\x0bfast\n", "in one line"),
        ('["run ", "jump"]', "without blanks at their ends; got 'run '"),
        ('["run\\njump"]', "in one line"),
        ('["run\\u2028jump"]', "in one line"),
        ('["run\\u0000"]', "in one line"),
        ('["\\udc80"]', "in one line"),
        ("[" * 100_000, "not JSON that can be read: "),
        ('{"a":' * 100_000, "not JSON that can be read: "),
        ("[" + "1" * 5000 + "]", "not JSON that can be read: "),
        ('["run",', "not JSON that can be read: Expecting value"),
    ],
)
def test_label_errors(tmp_path, text, expected):
    file = _file(tmp_path / "labels.txt", text)
    with pytest.raises(InputError) as caught:
        class_names(file)
    line = str(caught.value)
    assert line.startswith(str(file)) and expected in line and "\n" not in line


@pytest.mark.parametrize("line", [" " * 100_000 + "x", "1" + " " * 100_000 + "x", "1," * 50_000])
def test_long_lines_take_no_time(tmp_path, line):
    began = time.perf_counter()
    try:
        class_names(_file(tmp_path / "labels.txt", "0 a\n" + line))
    except InputError as error:
        assert len(str(error)) < 500
    assert time.perf_counter() - began < 1


def _file(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
