"""Trains a small BMN on drawn untrimmed videos.

Command: python -m i3d.train --config=configs/bmn/figures.py --workdir=runs/proposals
    The videos and features before it: as for configs/actionformer/figures.py.
Hardware: 2 CPU cores.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 600 updates of 8 videos, no published recipe."""
    c = published.bmn(per_epoch=100, videos=8, epochs=6, milestone=5)
    c.data.records = "features/untrimmed"
    c.data.train, c.data.validation, c.data.validation_share = "training", "training", 0.1
    c.segments.annotations = "untrimmed/train/annotations.json"
    c.segments.channels, c.segments.window, c.segments.stride = 512, 48, 6
    c.segments.fps = 25.0
    c.segments.extractors = "demo_rgb,demo_flow"
    c.segments.rows = c.segments.longest = 100
    c.model.width = 0.25
    return c
