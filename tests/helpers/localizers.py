"""Checkpoints of localizers with the golden weights, and what they were computed from."""

import numpy as np
import pytest

from i3d import models, weights
from i3d.data.feature_spec import FeatureSpec
from i3d.weights.cards import Card
from tests.golden import localization as golden
from tests.helpers.torch_files import write_safetensors

SMALL = {"channels": 32, "width": 0.125}  # of the golden runs of ActionFormer and TemporalMaxer
SPEC = FeatureSpec(32, 16, 4)


def write(path, state, prefix=""):
    """Writes {key: array} as a .safetensors file, float32 alone; returns its path."""
    state = {f"{prefix}{k}": v for k, v in state.items() if v.dtype == np.float32}
    write_safetensors(path, state)
    return path


def write_pth(path, **states):
    """Writes what PyTorch's programs save: {"state_dict": {key: array}, ...}."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing writes .pth")
    tensors = {
        name: {key: torch.from_numpy(np.array(value)) for key, value in state.items()}
        for name, state in states.items()
    }
    torch.save({"epoch": 3, **tensors}, path)
    return path


def card(path, model, **fields):
    """Returns the Card of a file of the golden sizes."""
    return Card("a", str(path), model, **{"spec": SPEC, "width": 0.125, **fields})


def loaded(path, name, **keywords):
    """Returns a model with the weights of a file, by the product's own loader."""
    model = models.build(name, **keywords)
    weights.load(model, path)
    return model


def small(tmp_path, name, prefix="", neck=None, **keywords):
    """Returns a small network of ActionFormer or TemporalMaxer with the golden weights."""
    family = name.partition("_")[0]
    state = golden.state_dict(family, neck=neck, **SMALL)
    path = write(tmp_path / f"{name}.safetensors", state, prefix)
    keywords |= {"neck": neck} if neck else {}
    return loaded(path, name, **SMALL, **keywords)
