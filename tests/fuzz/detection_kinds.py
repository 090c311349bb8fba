"""Files of boxes: AVA's truth, label maps and detections, proposals in every format."""

import json
import pickle

import numpy as np

from i3d.detection import ava, metrics, proposals
from tests.fuzz import mutate
from tests.fuzz.harness import Kind

_TRUTH = "a,0902,0.1,0,0.5,0.75,1,0\na,0902,0.1,0,0.5,0.75,3,0\nb c,0903.5,0,0,1,1,3,1\nb c,0904\n"
_HEADER = "video,timestamp,x1,y1,x2,y2,action_id,score\n"
_FOUND = "a,0902,0.1,0,0.5,0.8,1,0.75\nb c,0903.5,0,0.1,1,1,3,0.5\n"
_NAMES = {1: "bend/bow (at the waist)", 3: "crouch/kneel"}
_PBTXT = "".join(f'item {{\n  name: "{name}"\n  id: {one}\n}}\n' for one, name in _NAMES.items())
_PEOPLE = {
    "a,0902": [[0.1, 0.0, 0.5, 0.75, 0.875], [0.5, 0.5, 1.0, 1.0, 0.5]],
    "b c,0903.5": [[0.0, 0.0, 1.0, 1.0, 1.0]],
}
_ARRAYS = {key: np.array(rows, np.float32) for key, rows in _PEOPLE.items()}


def _write(name, data):
    def write(root):
        root.mkdir(parents=True, exist_ok=True)
        path = root / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


def _write_npz(root):
    root.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(root / "a.npz", **_ARRAYS)
    return root / "a.npz"


def _read_truth(path):
    labels, counts = ava.counted(path, _NAMES)
    for label in labels:
        print(ava.key(label.video, label.second), counts)
    metrics.frame_map(labels, [("a", 902.0, 0, 0, 1, 1, 1, 0.5)], _NAMES)


def _read_detections(path):
    metrics.frame_map([], ava.read_detections(path), _NAMES)


def _read_proposals(path):
    for (video, second), array in proposals.read(path).items():
        assert array.shape[1] == 5 and np.isfinite(array).all()
        print(ava.key(video, second))


def _proposals(name, file, data, how):
    return Kind(f"proposals {name}", _write(file, data), _read_proposals, how)


KINDS = (
    Kind("truth of boxes", _write("a.csv", _TRUTH), _read_truth, mutate.of_text),
    Kind("detections", _write("a.csv", _HEADER + _FOUND), _read_detections, mutate.of_text),
    Kind("label map pbtxt", _write("a.pbtxt", _PBTXT), ava.read_label_map, mutate.of_text),
    Kind(
        "excluded key frames",
        _write("a.csv", "a,0902\nb c,0903.5\n"),
        ava.read_excluded,
        mutate.of_text,
    ),
    _proposals("json", "a.json", json.dumps(_PEOPLE), mutate.of_json),
    _proposals("csv", "a.csv", "a,2,0.1,0,0.5,0.8,0.75\nb c,3,0,0.1,1,1\n", mutate.of_text),
    Kind("proposals npz", _write_npz, _read_proposals, mutate.in_zip(mutate.of_beginning)),
    _proposals("pickle", "a.pkl", pickle.dumps(_ARRAYS, 2), mutate.of_bytes),
    _proposals("pickle of Python 3", "a.pkl", pickle.dumps(_ARRAYS, 5), mutate.of_bytes),
)
