"""The table of cards, and the command that tests each."""

import pytest

import i3d
from i3d import models
from i3d.weights import table
from i3d.weights.cards import CARDS, DEMO_CARDS
from i3d.weights.zoo import EVERY_CARD


def test_no_card_without_a_builder():
    assert {card.model for card in i3d.cards()} <= set(models.names())


def test_facts_of_every_card():
    for card in i3d.cards():
        facts = table.facts(card)
        assert len(facts) == 17 and all(facts.values())
        assert facts["parameters"] != "-" and facts["GFLOP/view"] != "-", card.name
        assert facts["licence"] != "-" and facts["from"] != "-", card.name


def test_facts_as_printed():
    facts = table.facts(CARDS["rgb_scratch"])
    assert facts["protocol"] == "whole video, 1 crop(s), 224 px"
    assert facts["verified"] == "parity, genuine labels, speed"
    row = next(x for x in repr(i3d.cards()).splitlines() if x.startswith("rgb_scratch "))
    assert all(fact in row for fact in facts.values())


def test_commands():
    commands = {card.name: table.test_command(card) for card in i3d.cards()}
    begin = "python -m i3d.evaluate"
    assert commands["rgb_scratch"] == f"{begin} --checkpoint=rgb_scratch --records=data/kinetics400"
    assert commands["demo_rgb"].endswith("--records=data/figures --clips=3")
    assert commands["demo_detection"].startswith(f"{begin} --task=ava --checkpoint=demo_detection")
    assert commands["demo_localizer"].startswith(f"{begin} --task=localization")
    assert commands["ViT-B-16"] == f"{begin} --checkpoint=ViT-B-16.pt --records=data/mine"
    assert [name for name, command in commands.items() if not command] == [
        "r2plus1d_34_clip8_ig65m_from_scratch-9bae36ae",
        "r2plus1d_34_clip32_ig65m_from_scratch-449a7af9",
    ]
    known = {*CARDS, *DEMO_CARDS, *EVERY_CARD}
    for command in filter(None, commands.values()):
        assert command.partition("--checkpoint=")[2].split()[0] in known


@pytest.mark.parametrize(
    ("gflop", "text"),
    [(None, "-"), (0.1176, "0.118"), (2.7, "2.70"), (27.26, "27.3"), (140.7, "141")],
)
def test_three_digits(gflop, text):
    assert table.gflop_text(gflop) == text
