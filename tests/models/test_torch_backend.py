"""The model is written for Keras alone: the golden numbers hold on PyTorch too."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import keras, numpy as np
import i3d.weights
from i3d import models
from tests.helpers import synthetic

assert keras.backend.backend() == "torch"
golden = synthetic.golden()
for stream, channels in (("rgb", 3), ("flow", 2)):
    model = models.build("inception_i3d", channels=channels)
    i3d.weights.load(model, f"{sys.argv[1]}/{stream}_scratch/model.ckpt")
    clip = synthetic.input_clip(stream, (1, 25, 224, 224, channels))
    expected = golden[f"{stream}/b1_t25/logits"]
    for network in (model, models.fold_batch_norm(model)):
        logits = keras.ops.convert_to_numpy(network(clip, training=False))
        print(stream, np.abs(logits - expected).max() / np.abs(expected).max())
"""


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed (extra [torch])"
)
def test_golden_logits_hold_on_torch(checkpoints):
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(checkpoints)],
        cwd=root,
        env=environment | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    errors = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(errors) == 4 and max(errors) <= 1e-5, done.stdout
