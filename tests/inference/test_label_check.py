"""Labels that are refused before anything is loaded."""

import pytest

from i3d.inference import label_check
from i3d.inference.text import Text
from i3d.runtime.command import UserError


@pytest.mark.parametrize(
    "labels, told",
    [
        (("Tai Chi", "b", "tai  chi"), "^labels 'Tai Chi' and 'tai  chi' are the same text, as"),
        (("a", "word " * 75 + "b"), "^label 'word .* at most 77 tokens .* got 78 or more; shorten"),
        (("a", "1" * 76), "^label '1111.* got 78 or more"),
    ],
)
def test_refused(labels, told):
    with pytest.raises(UserError, match=told):
        label_check.check(Text(labels))


@pytest.mark.parametrize(
    "text",
    [
        Text(),
        Text(("YoYo", "yoyo"), split_camel_case=True),
        Text(("a", "word " * 75)),
        Text(("a", "b&nbsp;" * 70)),
        Text(("a", "\u00c3\u00a9 " * 90)),  # mended to fewer letters; the tokenizer counts
    ],
)
def test_taken(text):
    label_check.check(text)
