"""Trains a small ActionFormer on drawn untrimmed videos: the recipe of the demo weights.

Command: python -m i3d.train --config=configs/actionformer/figures.py --workdir=runs/untrimmed
    The videos and features before it:
    python -m data_prep figures --classes=untrimmed --out=untrimmed/train --videos_per_class=200
    python -m i3d.extract_features --window=48 --stride=6 --checkpoint=demo_rgb \
        --checkpoint=demo_flow --out=features/untrimmed untrimmed/train/videos/*.mp4
RGB alone: --config.segments.channels=256 --config.segments.extractors=demo_rgb
Hardware: 2 CPU cores.
CPU: training 16 minutes, where other programs shared the two cores.
GPU: not measured.
Run: yes, seed 0, on 72 videos.
Expected result: mean average precision 93.0 over tIoU 0.3 to 0.7, 93.7 at 0.5, on 10 of these 72
    videos, which the run held out.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 400 updates of 8 videos, no published recipe."""
    c = published.actionformer(per_epoch=40, videos=8, epochs=10, warmup=1)
    c.validate_every, c.checkpoint_every = 100, 100
    c.data.records = "features/untrimmed"
    c.data.train, c.data.validation, c.data.validation_share = "training", "training", 0.1
    c.segments.annotations = "untrimmed/train/annotations.json"
    c.segments.channels, c.segments.window, c.segments.stride = 512, 48, 6
    c.segments.fps = 25.0
    c.segments.extractors = "demo_rgb,demo_flow"
    c.segments.longest, c.segments.crop = 192, (0.5, 1.0)
    c.model.name, c.model.width = "actionformer_w7", 0.125
    c.optimizer.learning_rate = 1e-3
    c.optimizer.ema_decay = 0.99
    return c
