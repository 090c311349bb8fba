"""Detections in a notebook."""

from i3d.detection.results import Action, Detections, KeyFrame, Person


def made(frames):
    person = Person(1, (0.1, 0.2, 0.3, 0.4), 0.9, (Action(4, "talk <to>", 0.5),))
    nobody = Person(2, (0.5, 0.2, 0.9, 0.4), 0.9, ())
    each = tuple(KeyFrame(i, i / 25, (person, nobody)) for i in range(frames))
    return Detections("<my>", 64, 48, 25.0, 25, each, {})


def test_a_notebook_shows_the_actions_as_a_table():
    shown = made(2)._repr_html_()
    assert "&lt;my&gt;: 2 people, 2 actions<" in shown and "<my>" not in shown
    assert "talk &lt;to&gt;" in shown and "width:50.0%" in shown and shown.count("<tr>") == 3


def test_the_table_is_bounded():
    shown = made(60)._repr_html_()
    assert "60 actions, the first 50" in shown and shown.count("<tr>") == 51
    assert "0 people, 0 actions" in made(0)._repr_html_()
