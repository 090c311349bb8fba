"""Which devices a run gets, and which process of it writes files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from i3d.runtime import devices


def test_one_device_is_the_default_strategy(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    strategy = devices.strategy()
    assert strategy is tf.distribute.get_strategy() and strategy.num_replicas_in_sync == 1
    assert devices.is_chief(strategy) and devices.is_alone(strategy)


@pytest.mark.long
def test_shares_of_a_processor_stand_in_for_gpus():
    """In a process of its own, as TensorFlow must not have started."""
    code = (
        "from i3d.runtime import devices; s = devices.strategy(3);"
        "print(type(s).__name__, s.num_replicas_in_sync, devices.is_chief(s), devices.is_alone(s))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={"PATH": "/usr/bin", "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "MirroredStrategy 3 True True\n", done.stderr


def test_more_replicas_than_gpus(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one", "two"])
    with pytest.raises(ValueError, match="expected at most 2, the GPUs of this machine; got 3"):
        devices.strategy(3)


@pytest.mark.parametrize(
    "place",
    [
        "{",
        "{}",
        json.dumps({"cluster": {"worker": ["a:1"]}}),
        json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}),
        json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}),
        json.dumps({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}),
    ],
)
def test_a_place_in_no_cluster_is_one_line(monkeypatch, place):
    monkeypatch.setenv("TF_CONFIG", place)
    with pytest.raises(ValueError, match="^TF_CONFIG: expected .* got ") as error:
        devices.strategy()
    assert "\n" not in str(error.value) and str(error.value).endswith(place)


def test_replicas_beside_a_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(ValueError, match="with TF_CONFIG all GPUs of each worker are used"):
        devices.strategy(2)


@pytest.mark.parametrize("nothing", ["", " "])
def test_an_empty_place_is_none(monkeypatch, nothing):
    monkeypatch.setenv("TF_CONFIG", nothing)
    assert devices.is_alone(devices.strategy()) and devices.is_chief(devices.strategy())


class Workers:
    """What is_chief asks of a MultiWorkerMirroredStrategy, which waits for all to be there."""

    def __init__(self, cluster, kind, index):
        self.cluster_resolver = self
        self.task_type, self.task_id = kind, index
        self._cluster = cluster

    def cluster_spec(self):
        return tf.train.ClusterSpec(self._cluster)


@pytest.mark.parametrize(
    "cluster, kind, index, chief, alone",
    [
        ({"worker": ["a:1", "b:1"]}, "worker", 0, True, False),
        ({"worker": ["a:1", "b:1"]}, "worker", 1, False, False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "chief", 0, True, False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "worker", 0, False, False),
        ({"worker": ["a:1"]}, "worker", 0, True, True),
    ],
)
def test_one_worker_is_the_chief(monkeypatch, cluster, kind, index, chief, alone):
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Workers)
    strategy = Workers(cluster, kind, index)
    assert devices.is_chief(strategy) == chief and devices.is_alone(strategy) == alone
