"""Fine-tunes R(2+1)D-34 on a data set of one's own, from Kinetics-400.

Command: python -m i3d.train --config=configs/r2plus1d/finetune.py --workdir=runs/mine_r2plus1d \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.r2plus1d import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    c = kinetics.get_config()
    file = "r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb_20220812-47cfe041.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    return c
