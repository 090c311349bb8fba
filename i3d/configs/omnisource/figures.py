"""Trains a small I3D on few drawn videos, and on web videos and images that a teacher filtered.

Command: `python -m benchmarks.omnisource` draws the data sets, trains the teacher and filters, then
    python -m i3d.train --config=configs/omnisource/figures.py --workdir=runs/omni \
        --config.data.records=few --config.sources.records=web,photos
Hardware: 2 CPU cores.
CPU: about 2 minutes without, 5 minutes with the sources (two cores, shared with other work).
GPU: not measured.
Run: yes, by that benchmark.
Expected result: docs/omnisource.md.
"""

from i3d.configs.i3d import figures


def get_config():
    """Returns the configuration: 500 updates of 8 clips, and as many of each source."""
    c = figures.get_config()
    c.steps = 500
    c.schedule.warmup_steps = 30
    c.data.size = 64  # of records of short side 72
    c.model.width = 0.25
    c.batch.per_replica = 8
    return c
