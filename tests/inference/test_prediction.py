"""A Prediction: a list, and a table in a notebook."""

import json
import pickle

from i3d.inference.prediction import Prediction

PAIRS = [("<b>jump</b>", 0.75), ("run", 0.25)]


def test_it_is_a_list_of_pairs():
    found = Prediction(PAIRS)
    assert found == PAIRS and repr(found) == repr(PAIRS) and isinstance(found, list)
    assert dict(found) == dict(PAIRS) and found[0] == PAIRS[0] and found[:1] == PAIRS[:1]
    assert json.loads(json.dumps(found)) == [list(pair) for pair in PAIRS]
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_notebook_shows_a_table_with_bars():
    shown = Prediction(PAIRS)._repr_html_()
    assert "&lt;b&gt;jump&lt;/b&gt;" in shown and "<b>" not in shown
    assert "width:75.0%" in shown and "0.750" in shown and shown.count("<tr>") == 3
    assert Prediction()._repr_html_().count("<tr>") == 1
