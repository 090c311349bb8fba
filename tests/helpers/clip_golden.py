"""The golden features of the small ActionCLIP, its input, and our model with its weights.

golden = clip_golden.tiny()                              # {name: array}
model = clip_golden.loaded(folder, "Transf")
found = clip_golden.outputs(model, texts=64)             # {"image", "video", "text", "logits"}
"""

from pathlib import Path

import keras
import numpy as np

from i3d import models, weights
from tests.golden.actionclip import weights as generator
from tests.helpers import clip_files

FOLDER = Path(__file__).parents[1] / "golden" / "actionclip"
BATCH, FRAMES, SIZE = 6, 8, 32


def tiny():
    """Returns {name: array} of tiny_s0.npz, see its notes in the generator."""
    with np.load(FOLDER / "tiny_s0.npz") as file:
        return {name: file[name] for name in file.files}


def frames(seed=0):
    """Returns the normalised input, float32 [6, 8, 32, 32, 3]."""
    x = generator.frames("frames", (BATCH * FRAMES, 3, SIZE, SIZE), seed)
    x = x.reshape(BATCH, FRAMES, 3, SIZE, SIZE).transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(x)


def tokens(count):
    """Returns the first rows of the golden texts, int32 [count, 77]."""
    rows = tiny()["text_rows_ucf101"][:count]
    return np.load(FOLDER / "tokens_ucf101.npz")["tokens"].astype(np.int32)[rows]


def log_scale(seed=0):
    """Returns the logarithm of the learned scale, a float32 scalar."""
    return generator.value("logit_scale", (), seed)


def loaded(folder, head, tsm=False, joint=False):
    """Returns the small model with a checkpoint's weights, which is written into a folder."""
    path = Path(folder) / f"{head}.safetensors"
    towers = clip_files.tsm_state() if tsm else clip_files.joint_state() if joint else None
    clip_files.write_actionclip(path, head=head, model=towers)
    keywords = {"tsm": tsm, "joint": joint}
    model = models.build("actionclip", arch="tiny", head=head, frames=FRAMES, **keywords)
    weights.load(model, path)
    return model


def outputs(model, texts):
    """Returns {name: array} of the golden input and the first `texts` texts."""
    found = model({"frames": frames(), "tokens": tokens(texts)}, training=False)
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}
