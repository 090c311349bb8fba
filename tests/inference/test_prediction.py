"""A Prediction: a list, and a table in a notebook."""

import json
import pickle
import re

from i3d.inference.prediction import Prediction
from i3d.visual.charts import contrast
from tests.helpers.pages import Page

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


def test_the_table_is_read_aloud_and_seen():
    page = Page(Prediction(PAIRS)._repr_html_())
    assert {"Prediction", "class", "score", "0.750", PAIRS[0][0]} <= {*map(str.strip, page.texts)}
    assert [each["scope"] for each in page.of("th")] == ["col", "col", "row", "row"]
    bars = [each for each in page.of("span") if "background" in each["style"]]
    tracks = [each for each in bars if "aria-hidden" in each]
    assert len(bars) == 2 * len(tracks) == 4  # their numbers are beside them
    styles = " ".join(each["style"] for each in bars)
    assert not re.search(r"(?<!-)\bcolor:", styles)  # text has the colour of the notebook
    grounds = {tuple(bytes.fromhex(each)) for each in re.findall("background:#(.{6})", styles)}
    assert len(grounds) == 2 and contrast(*grounds) >= 3  # of what is no text
