"""Tokens against those of OpenAI's CLIP: all prompts of three data sets, and odd strings."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from i3d.models import tokenizer
from i3d.weights import cards

FOLDER = Path(__file__).parents[1] / "golden" / "actionclip"
GOLDEN = json.loads((FOLDER / "tokens.json").read_text(encoding="utf-8"))
LISTS = {
    "ucf101": "ucf101_ucfTrainTestlist/classInd.txt",
    "hmdb51": "hmdb51_testTrainMulti_7030_splits/class_list.txt",
}


@pytest.mark.parametrize("case", GOLDEN["extra"], ids=lambda case: repr(case["text"])[:20])
def test_odd_strings(case):
    expected = case["ids"] + [0] * (77 - len(case["ids"]))
    assert tokenizer.tokens([case["text"]])[0].tolist() == expected


def check_all_prompts(name, labels):
    golden = np.load(FOLDER / f"tokens_{name}.npz")["tokens"].astype(np.int32)
    assert len(golden) == 16 * len(labels)
    rows = tokenizer.tokens(tokenizer.prompts(labels))
    np.testing.assert_array_equal(rows, golden)
    cut = tokenizer.trimmed(rows)
    assert cut.shape == (len(rows), GOLDEN[name]["max_len"])
    np.testing.assert_array_equal(np.pad(cut, [(0, 0), (0, 77 - cut.shape[1])]), golden)


def test_every_prompt_of_kinetics():
    check_all_prompts("k400", cards.class_names("kinetics400"))


@pytest.mark.parametrize("name", LISTS)
def test_every_prompt_of_ucf101_and_hmdb51(name, annotations):
    lines = (annotations / LISTS[name]).read_text(encoding="utf-8").split("\n")
    labels = [line.split()[-1].replace("_", " ") for line in lines if line.strip()]
    check_all_prompts(name, labels)


def test_prompts_are_template_major_and_split_words_when_asked():
    labels = ["ApplyEyeMakeup", "TaiChi", "YoYo", "HTTPServer2Go", "brush hair"]
    plain = tokenizer.prompts(labels)
    assert plain[5 + 1] == "a picture of action TaiChi" and len(plain) == 16 * 5
    at = tokenizer.TEMPLATES.index("{}") * 5
    assert plain[at : at + 5] == labels
    split = tokenizer.prompts(labels, split_camel_case=True)[at : at + 5]
    assert split == ["Apply Eye Makeup", "Tai Chi", "Yo Yo", "HTTP Server2 Go", "brush hair"]
    assert not np.array_equal(tokenizer.tokens(split), tokenizer.tokens(labels))


def test_a_text_that_is_too_long_is_named():
    words = "word " * 80
    with pytest.raises(tokenizer.TooLong, match=r"at most 77 tokens .* got 82 of 'word wo") as told:
        tokenizer.tokens(["short", words, words])
    assert told.value.number == 1
    assert tokenizer.tokens(["word " * 75])[0, -1] == 49407  # 77 fit


def test_the_vocabulary_is_openais():
    assert tokenizer.tokens(["a"])[0, :3].tolist() == [49406, 320, 49407]
    with_bytes = tokenizer.tokens(["\x00"])[0]  # ftfy takes control characters out
    assert with_bytes[:2].tolist() == [49406, 49407]


def test_many_texts_are_one_call(monkeypatch):
    """A call has a price of its own, of 16 prompts for each of 2000 labels more than the work."""
    calls, real = [], tokenizer._tokenizer()

    class Counted:
        start_token_id, end_token_id = real.start_token_id, real.end_token_id

        def __call__(self, texts):
            calls.append(texts)
            return real(texts)

    monkeypatch.setattr(tokenizer, "_tokenizer", Counted)
    texts = ["a", "", "two words", "a"]
    found = tokenizer.tokens(texts)
    assert len(calls) == 1
    for row, text in zip(found, texts, strict=True):
        assert row.tolist() == tokenizer.tokens([text])[0].tolist()
    assert tokenizer.tokens([]).shape == (0, 77)


@pytest.mark.parametrize("name", ["ftfy", "keras_hub"])
def test_a_missing_part_of_the_extra_is_one_line(name, monkeypatch):
    tokenizer._tokenizer.cache_clear()
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=f"extra clip: .*{name} is not installed"):
        tokenizer.tokens(["falling"])
