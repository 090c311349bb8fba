"""Arrays: samples, files of results, checkpoints of a training run."""

import dataclasses
import itertools

import numpy as np

from i3d.evaluation import results
from i3d.evaluation.results import Result
from i3d.inference import sample
from i3d.weights.cards import CARDS
from tests.fuzz import mutate
from tests.fuzz.harness import Kind


def _write_sample(root):
    root.mkdir(exist_ok=True)
    np.save(root / "rgb.npy", np.zeros((1, 9, 224, 224, 3), np.float16))
    return root / "rgb.npy"


def _read_sample(path):
    clips = sample.from_arrays({"rgb": path}, {"rgb": CARDS["rgb_imagenet"].spec})
    for _ in itertools.islice(clips["rgb"], 2):
        pass


def _result():
    ids, labels = np.array(["walk/a", "walk/b", "jump/ü"]), np.array([0, 0, 1])
    logits = np.arange(6, dtype=np.float32).reshape(3, 2)
    return Result(ids, labels, logits, np.array(["walk", "jump"]), "rgb", "rgb, 3 clips")


def _write_results(root):
    results.save(root / "rgb.npz", _result())
    return root / "rgb.npz"


def _write_older_results(root, writes=np.savez):
    """Writes what version 0.1.0 wrote: no digest, so that changed arrays are looked at."""
    root.mkdir(exist_ok=True)
    fields = dataclasses.asdict(_result()).items()
    writes(root / "a.npz", **{name: value for name, value in fields if value is not None})
    return root / "a.npz"


def _write_shrunk_results(root):
    return _write_older_results(root, np.savez_compressed)


def _read_results(path):
    from i3d import fuse
    from i3d.evaluation import report

    found = results.load(path)
    print(report.accuracies(fuse.fuse([found, found], [1.0, 2.0], ["a", "b"])))


def _run_parts():
    import keras

    from i3d.training.optimizer import SGD

    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="fc")(inputs))
    return model, SGD.of(model.trainable_variables)


def _write_best(root):
    from i3d.training import checkpoints

    checkpoints.save_best(root, *_run_parts(), {"step": 3, "top1": 0.5})
    return root / "best.weights.h5"


def _read_best(path):
    from i3d.training import checkpoints

    checkpoints.best_info(path.parent)


def _write_log(root):
    root.mkdir(exist_ok=True)
    (root / "log.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    return root / "log.jsonl"


def _read_log(path):
    from i3d.training.log import RunLog

    with RunLog(path.parent, 1):
        pass


def _write_state(root):
    from i3d.training import checkpoints

    model, optimizer = _run_parts()
    checkpoints.save(root, 3, model, optimizer, {"best": 0.5})
    return root / "step-00000003" / "state.json"


_parts = []


def _read_state(path):
    from i3d.training import checkpoints

    if not _parts:
        _parts.extend(_run_parts())
    checkpoints.restore(path.parents[1], *_parts)


KINDS = (
    Kind("npy", _write_sample, _read_sample, mutate.of_beginning, cost=2),
    Kind("results", _write_results, _read_results, mutate.in_zip(mutate.of_beginning)),
    Kind("results of 0.1", _write_older_results, _read_results, mutate.in_zip(mutate.of_beginning)),
    Kind("results, compressed", _write_shrunk_results, _read_results),
    Kind("best.weights.h5", _write_best, _read_best, cost=2),
    Kind("log.jsonl", _write_log, _read_log, mutate.of_text, cost=10),
    Kind("state.json", _write_state, _read_state, mutate.of_json, cost=2),
)
