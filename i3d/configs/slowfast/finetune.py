"""Fine-tunes SlowFast 4x16 on a data set of one's own, from Kinetics-400.

Command: python -m i3d.train --config=configs/slowfast/finetune.py --workdir=runs/mine_slowfast \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.slowfast import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    c = kinetics.get_config()
    file = "slowfast_r50_8xb8-4x16x1-256e_kinetics400-rgb_20220901-701b0f6f.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    return c
