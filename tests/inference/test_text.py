"""Labels as text: lists, files, labels between commas, and what is said of mistakes."""

import json

import pytest
from absl import flags

from i3d.inference import text
from i3d.inference.text import Text, labels_of
from i3d.runtime.command import UserError
from i3d.weights.cards import Card
from i3d.weights.zoo import default_spec

FIXED = Card("a", "a.pth", "tsn_r50_1x1x3", default_spec("tsn_r50_1x1x3"))
TEXT = Card("b", "b.pt", "actionclip_b16_8f", default_spec("actionclip_b16_8f"))


def test_labels_of_all_kinds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("opening, then closing a door\nsitting down\n\n")
    (tmp_path / "a.json").write_text(json.dumps({"sit": 1, "fall": 0}))
    (tmp_path / "b.txt").write_text("10 pushups\n20 pushups\nlevel 1\n")
    assert labels_of("b.txt") == ("10 pushups", "20 pushups", "level 1")
    (tmp_path / "b.json").write_text(json.dumps(["1 person walking", "2 people fighting"]))
    assert labels_of("b.json") == ("1 person walking", "2 people fighting")
    (tmp_path / "k400.csv").write_text("id,name\n0,abseiling\n1,air drumming\n")
    assert labels_of("k400.csv") == ("abseiling", "air drumming")
    assert labels_of("a.txt") == ("opening, then closing a door", "sitting down")
    assert labels_of(tmp_path / "a.json") == ("fall", "sit")
    assert labels_of("falling, sitting down") == ("falling", "sitting down")
    assert labels_of(["a, b", "c"]) == ("a, b", "c")
    assert labels_of(("ApplyEyeMakeup", "YoYo")) == ("ApplyEyeMakeup", "YoYo")


@pytest.mark.parametrize(
    "given, told",
    [
        ([], "text: expected the name of each class once, got none"),
        ("", "--text: expected labels, a file or between commas, got none"),
        ("  ", "--text: expected labels, a file or between commas, got none"),
        ("a,,b", "--text: expected labels between commas, got an empty one: 'a,,b'"),
        ("a,b,", "--text: expected labels between commas, got an empty one: 'a,b,'"),
        ("fall,sit,fall", "expected the name of each class once, got 'fall' twice"),
        (["fall", "fall"], "expected the name of each class once, got 'fall' twice"),
        (["fall", 3], "text: expected a list of texts, got 3 in it"),
        ("fall", "expected two labels or more, got 'fall' alone, whose score would be 1"),
        ("nothere.txt", "--text: nothere.txt: no such file"),
        ("a.txt,fall", "a file or labels between commas, got both: .* holds the file a.txt"),
        ("other.txt,fall", "--text: other.txt: no such file"),
        ("walk.labels", "--text: walk.labels: no such file"),
        ("./labels", "--text: ./labels: no such file"),
        ("empty.txt", "empty.txt: expected one label per line, got an empty file"),
        ("one.txt", "got 'fall,sit' alone, .*a file has one label per line"),
        ("numbered.txt", "numbered lines such as '1 person walking': leave the numbers out"),
    ],
)
def test_mistakes(given, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a\nb\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "one.txt").write_text("fall,sit\n")
    (tmp_path / "numbered.txt").write_text("1 person walking\n2 people fighting\n")
    with pytest.raises(UserError, match=told):
        labels_of(given)


def parsed(*words):
    own = flags.FlagValues()
    text.define(own, "none")
    own(["x", *words])
    return text.of_flags(own)


def test_flags():
    assert parsed() == Text()
    assert parsed("--text=fall,sit") == Text(("fall", "sit"))
    found = parsed("--split_camel_case", "--learned_scale")
    assert found == Text((), split_camel_case=True, learned_scale=True)
    with pytest.raises(UserError, match="a file or labels between commas, got it 2 times"):
        parsed("--text=a,b", "--text=c,d")


def test_text_for_models_that_take_none():
    labels = Text(("a", "b"))
    text.check([TEXT], labels)
    text.check([TEXT], Text(), ["--examples"])
    text.check([FIXED], Text())
    text.check([TEXT, FIXED], Text(learned_scale=True))
    told = "tsn_r50_1x1x3 has no text tower, its classes are those of its training; expected a mod"
    for words, given in ((labels, ()), (Text(learned_scale=True), ()), (Text(), ["--examples"])):
        with pytest.raises(UserError, match=told):
            text.check([FIXED], words, given)
    with pytest.raises(UserError, match="leave --text out, and the other networks take its class"):
        text.check([TEXT, FIXED], labels)
