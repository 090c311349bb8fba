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
        ("a,,b", "expected names of classes in one line, .* got ''"),
        ("fall,sit,fall", "expected the name of each class once, got 'fall' twice"),
        (["fall", "fall"], "expected the name of each class once, got 'fall' twice"),
        (["fall", 3], "text: expected a list of texts, got 3 in it"),
        ("fall", "expected two labels or more, got 'fall' alone, whose score would be 1"),
        ("nothere.txt", "--text: nothere.txt: no such file"),
        ("a.txt,fall", "a file or labels between commas, got both: .* holds the file a.txt"),
        ("empty.txt", "empty.txt: expected the name of each class once, got none"),
    ],
)
def test_mistakes(given, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a\nb\n")
    (tmp_path / "empty.txt").write_text("\n")
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
