"""Files of segments: truth, what was found, and the scores of the classes of whole videos."""

import json

from i3d.localization import annotations, class_scores
from i3d.localization.average_recall import average_recall
from i3d.localization.diagnosis import diagnose
from i3d.localization.metrics import mean_ap
from i3d.localization.segments import Segment
from tests.fuzz import mutate
from tests.fuzz.harness import Kind

_OWN = [{"segment": [1.5, 4.0], "label": "jump"}, {"segment": [6.0, 7.25], "label": "run"}]
_TRUTH = {
    "version": "1.3",
    "database": {
        "a": {"subset": "test", "duration": 12.5, "fps": 30.0, "annotations": _OWN},
        "b c": {"subset": "training", "duration": 9, "annotations": []},
    },
}
_OF_MMACTION2 = {"v_a": {"duration_second": 12.5, "duration_frame": 375, "annotations": _OWN}}
_RESULTS = {"results": {"a": [one | {"score": 0.5} for one in _OWN], "b c": []}}
_SCORES = {"results": {"a": [0.5, 0.25], "b c": [1, 0]}, "class": ["jump", "run"]}
_CSV = "path,label,start_s,end_s,split,duration_s\na,jump,1.5,4,test,12.5\nb c,,,,,\n"
_FOUND = "video,start_s,end_s,label,score\na,1.5,4,jump,0.5\nb c,0,1,run,1e-3\n"


def _write(name, data):
    def write(root):
        root.mkdir(parents=True, exist_ok=True)
        path = root / name
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    return write


def _read_truth(path):
    videos = annotations.read_as_is(path)
    annotations.problems(videos)
    _test([one for video in videos.values() for one in video.segments], [])
    annotations.write(path, videos)
    assert repr(annotations.read_as_is(path)) == repr(videos)


def _read_found(path):
    found = annotations.read_found(path)
    _test([Segment("a", 1.0, 4.0, "jump")], found)
    annotations.write_found(path, found)
    assert sorted(annotations.read_found(path)) == sorted(found)


def _test(truth, found):
    assert 0 <= mean_ap(truth, found).average <= 1
    assert 0 <= average_recall(truth, found).auc <= 100
    diagnose(truth, found)


KINDS = (
    Kind("segments json", _write("a.json", _TRUTH), _read_truth, mutate.of_json),
    Kind("segments mmaction2", _write("a.json", _OF_MMACTION2), _read_truth, mutate.of_json),
    Kind("segments csv", _write("a.csv", _CSV), _read_truth, mutate.of_text),
    Kind("found segments json", _write("a.json", _RESULTS), _read_found, mutate.of_json),
    Kind("found segments csv", _write("a.csv", _FOUND), _read_found, mutate.of_text),
    Kind("class scores", _write("a.json", _SCORES), class_scores.read, mutate.of_json),
)
