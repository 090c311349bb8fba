"""What is said to have been verified: its files exist, and none is left out."""

import re

import pytest

from i3d import models
from i3d.weights import verified
from i3d.weights.cards import CARDS, DEMO_CARDS
from tests.helpers.processes import ROOT

GOLDEN = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("models", "ava", "localization")
    for path in (ROOT / "tests/golden" / folder).glob("golden_*.npz")
)


def test_networks_and_files_exist():
    known = {*models.names(), *DEMO_CARDS}
    assert set(verified.PARITY) | set(verified.SPEED) <= known
    for path in {*verified.PARITY.values(), *verified.SPEED.values()}:
        assert (ROOT / path).is_file(), path
    assert set(verified.GENUINE) <= set(CARDS)


@pytest.mark.parametrize("path", GOLDEN)
def test_every_golden_file_is_named(path):
    assert path in verified.PARITY.values()


def test_networks_of_the_page_on_speed():
    lines = (ROOT / "docs/speed.md").read_text().splitlines()
    words = set(re.findall(r"\w+", " ".join(line for line in lines if line.startswith("|"))))
    timed = {name for name, page in verified.SPEED.items() if page == "docs/speed.md"}
    found = words & {*models.names(), *DEMO_CARDS} - {"actionclip"}
    assert found == timed - {"actionclip_b16_8f"}  # there as ViT-B/16


def test_what_is_built_as_another_is_of_the_same_code():
    """Their builders are one; TSN's builds the streams of the two-stream network, too."""
    module = lambda name: models._FAMILIES[name].__module__  # noqa: E731
    for name, other in verified.BUILT_AS.items():
        assert name not in verified.PARITY and other in verified.PARITY
        same = module(name) == module(other)
        assert same or (name.startswith("two_stream") and other.startswith("tsn_")), name


def test_what_is_verified_in_words():
    assert verified.verified("rgb_scratch", "inception_i3d") == "parity, genuine labels, speed"
    assert verified.verified("rgb_imagenet", "inception_i3d") == "parity, speed"
    assert verified.verified("demo_detection", "") == "accuracy, speed"
    assert set(verified.OURS) == set(DEMO_CARDS)
    assert verified.verified("a.pth", "tsn_r101_1x1x8") == "-"
