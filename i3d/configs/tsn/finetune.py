"""Fine-tunes TSN on a data set of one's own, from weights of Kinetics-400.

Command: python -m i3d.train --config=configs/tsn/finetune.py --workdir=runs/mine_rgb \
    --config.data.records=data/mine
    and test with python -m i3d.evaluate, the same --config and --config.data.records, --clips=25.
For flow see finetune_flow.py; `python -m i3d.fuse` adds both. docs/training.md has an example.
Hardware: one GPU of 16 GB or more, or a CPU for small data sets.
CPU: 36 s for an update, 2.8 GB (two cores, shared with other work: at most so long).
GPU: not measured.
Run: no; one update with random weights, by `python -m benchmarks.recipes`.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.tsn import kinetics_rgb


def get_config():
    """Returns the configuration: 2000 updates of 16 videos."""
    c = kinetics_rgb.get_config()
    file = "tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb_20220906-cd10898e.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    return c
