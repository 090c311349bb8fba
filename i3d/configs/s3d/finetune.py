"""Fine-tunes S3D on a data set of one's own, from torchvision's weights.

Command: python -m i3d.train --config=configs/s3d/finetune.py --workdir=runs/mine_s3d \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.s3d import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    c = kinetics.get_config()
    published.fine_tuned(c, "checkpoints/s3d-d76dad2f.pth")
    c.optimizer.clip_norm = 40.0
    return c
