"""Fine-tunes TSM on a data set of one's own, from weights of Kinetics-400.

Command: python -m i3d.train --config=configs/tsm/finetune.py --workdir=runs/mine_tsm \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: 273 s for an update, 6.6 GB (two cores, shared with other work: at most so long).
GPU: not measured.
Run: no; one update with random weights, by `python -m benchmarks.recipes`.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.tsm import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 videos."""
    c = kinetics.get_config()
    file = "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb_20220831-64d69186.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    return c
