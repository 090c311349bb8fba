"""Fine-tunes I3D's ResNet-50 on a data set of one's own, from Kinetics-400.

Command: python -m i3d.train --config=configs/i3d_resnet/finetune.py --workdir=runs/mine_i3d_r50 \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.i3d_resnet import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    c = kinetics.get_config()
    file = "i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb_20220812-e213c223.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    return c
