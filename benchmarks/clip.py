"""Speed of ActionCLIP on this machine: videos a second, and the text tower once per label set.

    python -m benchmarks.clip                                  # ViT-B/16, 8 frames, head Transf
    python -m benchmarks.clip --model=actionclip_b32_8f --batch=4 --repeats=7

Beside ours stands PyTorch, eager as the authors ran it (needs the extra `torch`), with the same
weights: it makes them, and we load its checkpoint. The variants take turns, so that ratios hold
when the machine drifts; medians are printed. The texts are the 16 prompts of the first --labels
classes of Kinetics-400: the original gives its tower 77 tokens of each, ours those up to the end
of the longest text.

Exit status 1 if features differ by more than ERROR of the largest one, or ours in bfloat16 are not
faster than PyTorch in float32.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import torch
from absl import app, flags

from benchmarks.clip_peer import Peer
from i3d import models, weights
from i3d.inference.network import computing_in
from i3d.models import actionclip, tokenizer
from i3d.weights.cards import class_names

MODEL = flags.DEFINE_enum("model", "actionclip_b16_8f", actionclip.CONFIGS, "row of the catalogue")
BATCH = flags.DEFINE_integer("batch", 1, "videos at once", 1)
REPEATS = flags.DEFINE_integer("repeats", 5, "timed runs of each variant", 1)
LABELS = flags.DEFINE_integer("labels", 20, "classes of Kinetics-400 for the text tower", 1, 400)
ERROR = {"float32": 1e-4, "bfloat16": 5e-2}  # of the largest feature
_PROMPTS = 64  # at once


def ours(path, precision):
    """Returns functions (frames -> features, tokens -> features) with a checkpoint's weights."""
    with computing_in(precision):
        model = models.build(MODEL.value)
    weights.load(model, path)
    parts = actionclip.video_part(model), actionclip.text_part(model)
    video, text = (tf.function(part, reduce_retracing=True) for part in parts)
    return lambda x: video(x).numpy(), lambda x: text(tokenizer.trimmed(x)).numpy()


def variants():
    """Returns {title: (precision, video function, text function)}."""
    sizes = actionclip.ARCHS[actionclip.CONFIGS[MODEL.value].arch]
    peers = {
        name: Peer(sizes, dtype)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peer.pt"
        torch.save(peers["float32"].checkpoint(), path)
        found = {f"ours {name}": (name, *ours(path, name)) for name in peers}
    return found | {f"torch {name}": (name, one.video, one.text) for name, one in peers.items()}


def timed(functions, argument):
    """Returns {title: (median seconds, output)}, the functions taking turns."""
    outputs = {title: function(argument) for title, function in functions.items()}  # warm
    seconds = {title: [] for title in functions}
    for _ in range(REPEATS.value):
        for title, function in functions.items():
            begin = time.perf_counter()
            function(argument)
            seconds[title].append(time.perf_counter() - begin)
    return {title: (statistics.median(seconds[title]), outputs[title]) for title in functions}


def table(name, found, count, unit, precisions):
    """Prints a line for each variant; returns whether all features agree with PyTorch's."""
    peer, expected = found["torch float32"]
    good = True
    print(f"{name}: {unit} a second, seconds, times PyTorch float32, largest difference")
    for title, (seconds, output) in found.items():
        error = np.abs(output - expected).max() / np.abs(expected).max()
        good &= bool(error <= ERROR[precisions[title]])
        rate = f"{count / seconds:8.2f} {seconds:8.3f} {peer / seconds:6.2f}"
        print(f"  {title:15} {rate} {error:9.1e}", flush=True)
    return good


def main(_):
    found = variants()
    precisions = {title: precision for title, (precision, *_) in found.items()}
    row = actionclip.CONFIGS[MODEL.value]
    size = actionclip.ARCHS[row.arch].size
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(BATCH.value, row.frames, size, size, 3)).astype(np.float32)
    videos = timed({title: video for title, (_, video, _) in found.items()}, frames)
    good = table(MODEL.value, videos, BATCH.value, "videos", precisions)

    rows = tokenizer.tokens(tokenizer.prompts(class_names("kinetics400")[: LABELS.value]))

    def in_batches(text):
        parts = range(0, len(rows), _PROMPTS)
        return lambda all_rows: np.concatenate([text(all_rows[i : i + _PROMPTS]) for i in parts])

    texts = timed({title: in_batches(text) for title, (_, _, text) in found.items()}, rows)
    good &= table(f"text tower, {len(rows)} prompts", texts, len(rows), "prompts", precisions)
    faster = videos["ours bfloat16"][0] < videos["torch float32"][0]
    sys.exit(int(not (good and faster)))


if __name__ == "__main__":
    app.run(main)
