"""Fine-tunes X3D-S on a data set of one's own, from Kinetics-400.

Command: python -m i3d.train --config=configs/x3d/finetune.py --workdir=runs/mine_x3d \
    --config.data.records=data/mine
Hardware: one GPU of 8 GB or more, or a CPU for small data sets.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.x3d import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    file = "x3d_s_13x6x1_facebook-kinetics400-rgb_20201027-623825a0.pth"
    return published.fine_tuned(kinetics.get_config(), f"checkpoints/{file}")
