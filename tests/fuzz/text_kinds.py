"""Lists of videos, files of labels and JSON of runs: good ones, and what reads them."""

import json

import numpy as np

from i3d.features import videos
from i3d.features.files import Work
from i3d.inference import checkpoint
from i3d.inference.average import Rows
from i3d.inference.views import view_bytes
from i3d.runtime import labels
from i3d.training import config, folder
from i3d.video import inputs
from tests.fuzz import mutate
from tests.fuzz.harness import Kind

_NAMES = ("walk/a.mp4", "walk/b c.mp4", "jump/d 2.mp4", "jump/e.mp4")
_RUN = {"model.name": "tsn_r50_1x1x3", "model.width": 0.5, "data.records": ""}


def _of(name, text, also=None):
    """Returns a function that writes a text beside the videos it names."""

    def write(root):
        for video in _NAMES:
            (root / video).parent.mkdir(parents=True, exist_ok=True)
            (root / video).touch()
        for other, content in (also or {}).items():
            (root / other).write_text(content)
        path = root / name
        path.write_text(text)
        return path

    return write


def _list(name, file, text, also=None, **settings):
    def read(path):
        inputs.read(path, **settings)

    return Kind(f"list {name}", _of(file, text, also), read, mutate.of_text)


def _hmdb51(path):
    inputs.read(str(path.parent / "*_test_split1.txt"), split="test")


def _labels(name, file, text, how=mutate.of_text):
    def read(path):
        for each in labels.class_names(path):
            print(each)

    return Kind(f"labels {name}", _of(file, text), read, how)


def _settings():
    flat = json.loads(json.dumps(config.flat(config.defaults())))
    return flat | _RUN | {"replicas": 1}


def _write_run(root):
    card = checkpoint.zoo.default_spec("tsn_r50_1x1x3")
    return _of("config.json", json.dumps(_settings() | {"input": card.to_json()}))(root)


def _write_older_run(root):
    return _of("config.json", json.dumps(_settings()))(root)


def _read_run(path):
    weights = path.parent / "best.weights.h5"
    weights.touch()
    card = checkpoint.card_of(None, str(weights))
    print(card.described(), view_bytes(card.spec))


def _go_on_with_run(path):
    (path.parent / "step-00000001").mkdir(exist_ok=True)
    settings = config.defaults()
    settings.model.name, settings.model.width = _RUN["model.name"], _RUN["model.width"]
    spec = checkpoint.zoo.default_spec("tsn_r50_1x1x3")
    folder.claim(path.parent, settings, spec, replicas=1)


_PLAN = {"endpoint": "features", "window_s": None}


def _rows():
    return Rows(np.ones((2, 3), "f"), np.zeros(2), np.ones(2), np.ones(2, np.int64))


def _write_work(root):
    work = Work(root / "out.npz", _PLAN)
    root.mkdir(parents=True, exist_ok=True)
    with work:
        work.save(0, _rows())
        work.save(1, _rows())
    return root / "out.npz.work" / "0000000.npz"


def _read_work(path):
    _write_work(path.parents[1]) if not (path.parent / "plan.json").exists() else None
    with Work(path.parents[1] / "out.npz", _PLAN) as work:
        print(work.done)


def _write_plan(root):
    return _write_work(root).with_name("plan.json")


def _read_plan(path):
    with Work(path.parents[1] / "out.npz", _PLAN) as work:
        print(work.done)


_CSV = "path,label,start_s,end_s,split\nwalk/a.mp4,walk,0,1.5,train\njump/e.mp4,jump,,,train\n"
_KINETICS = "label,youtube_id,time_start,time_end,split\nwalk,abcdefghijk,0,10,train\n"

KINDS = (
    _list("csv", "list.csv", _CSV),
    _list("csv of several labels", "list.csv", "path,label\nwalk/a.mp4,walk;jump\n"),
    _list(
        "kinetics", "k.csv", _KINETICS, {"abcdefghijk.mp4": "", "abcdefghijk_000000_000010.mp4": ""}
    ),
    _list("mmaction2", "list.txt", "walk/a.mp4 0\nwalk/b c.mp4 0\njump/d 2.mp4 1\njump/e.mp4 1\n"),
    _list("several labels", "list.txt", "walk/a.mp4 0 1\njump/e.mp4 1\n"),
    _list(
        "ucf101",
        "trainlist01.txt",
        "walk/a.mp4 1\njump/e.mp4 2\n",
        {"classInd.txt": "1 walk\n2 jump\n"},
    ),
    Kind(
        "list hmdb51",
        _of("walk_test_split1.txt", "a.mp4 2\nb c.mp4 1\n"),
        _hmdb51,
        mutate.of_text,
    ),
    Kind(
        "list of features",
        _of("list.txt", "walk/a.mp4 0\nwalk/b c.mp4\njump/d 2.mp4 1 2\n"),
        lambda path: videos.file_names(videos.read(path)),
        mutate.of_text,
    ),
    _labels("text", "names.txt", "walk\njump high\nrun\n"),
    _labels("numbered", "names.txt", "1 walk\n2 jump high\n3 run\n"),
    _labels("csv", "names.csv", "id,name\n0,walk\n1,jump high\n2,run\n"),
    _labels("json list", "names.json", '["walk", "jump high", "run"]', mutate.of_json),
    _labels("json", "names.json", '{"walk": 0, "jump high": 1, "run": 2}', mutate.of_json),
    _labels("json classes", "names.json", '{"classes": {"0": "walk", "1": "run"}}', mutate.of_json),
    Kind("config.json", _write_run, _read_run, mutate.of_json),
    Kind("config.json of 0.1", _write_older_run, _read_run, mutate.of_json),
    Kind("config.json of a run to go on with", _write_older_run, _go_on_with_run, mutate.of_json),
    Kind("features of a video", _write_work, _read_work, mutate.in_zip(mutate.of_beginning)),
    Kind("plan.json of features", _write_plan, _read_plan, mutate.of_json),
)
