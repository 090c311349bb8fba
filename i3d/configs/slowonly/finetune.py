"""Fine-tunes SlowOnly 4x16 on a data set of one's own, from Kinetics-400.

Command: python -m i3d.train --config=configs/slowonly/finetune.py --workdir=runs/mine_slowonly \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: 74 s for an update, 3.5 GB (two cores, shared with other work: at most so long).
GPU: not measured.
Run: no; one update with random weights, by `python -m benchmarks.recipes`.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.slowonly import kinetics_imagenet


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    c = kinetics_imagenet.get_config()
    file = "slowonly_imagenet-pretrained-r50_8xb16-4x16x1-steplr-150e_kinetics400-rgb"
    published.fine_tuned(c, f"checkpoints/{file}_20220901-e7b65fad.pth")
    return c
