"""Trains a small SlowOnly on drawn scenes of several people: the recipe of the demo weights.

Command: python -m i3d.train --config=configs/ava/figures.py --workdir=runs/scenes
    The data set before it:
    python -m data_prep figures --classes=scenes --out=scenes/train --videos_per_class=300
    python -m data_prep figures --classes=scenes --out=scenes/val --videos_per_class=20 --test
    python -m data_prep build_detection --videos=scenes/train/videos --split=train \
        --annotations=scenes/train/annotations.csv --label_map=scenes/train/label_map.txt \
        --out=data/scenes --short_side=96
    python -m data_prep build_detection --videos=scenes/val/videos --split=validation \
        --annotations=scenes/val/annotations.csv --label_map=scenes/val/label_map.txt \
        --out=data/scenes --short_side=96
Test on other scenes, with true boxes and those of HOG: python -m benchmarks.detection \
    --checkpoint=runs/scenes/best.weights.h5
Hardware: 2 CPU cores.
CPU: drawing 2 minutes, the two builds 1, training 15, where other programs shared the two cores.
GPU: not measured.
Run: yes, seeds 0, 1 and 2.
Expected result: frame mAP 96.6 in true boxes of other scenes (deviation 1.8; chance 21.0), 66.5 in
    those of HOG (1.0; chance 13.5); more in checkpoints/README.md.
"""

from i3d import config
from i3d.configs import published


def get_config():
    """Returns the configuration: 800 updates of 16 key frames, no published recipe."""
    c = config.defaults()
    c.steps = 800
    c.log_every = 20
    c.validate_every, c.checkpoint_every = 100, 100
    c.batch_norm_momentum = 0.9
    c.data.records = "data/scenes"
    c.data.validation = "validation"
    c.data.frames, c.data.stride = 8, 8
    c.data.size = 96
    c.data.mean, c.data.std = published.IMAGENET_MEAN, published.IMAGENET_STD
    c.boxes.scale = (96, 108)  # pictures are 128 x 96
    c.boxes.jitter = 0.15  # as detectors' boxes are not exact
    c.model.name, c.model.width, c.model.dropout = "ava_slowonly_r50_8x8x1", 0.1, 0.1
    c.batch.per_replica = 16
    c.optimizer.name = "adamw"
    c.optimizer.learning_rate = 3e-3
    c.optimizer.weight_decay = 0.02
    c.optimizer.kernels_only = True
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = 30
    return c
