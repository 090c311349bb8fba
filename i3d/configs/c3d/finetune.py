"""Fine-tunes C3D on a data set of one's own, from weights of UCF101.

Command: python -m i3d.train --config=configs/c3d/finetune.py --workdir=runs/mine_c3d \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more, or a CPU for small data sets.
CPU: 112 s for an update, 4.9 GB (two cores, shared with other work: at most so long).
GPU: not measured.
Run: no; one update with random weights, by `python -m benchmarks.recipes`.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.c3d import ucf101


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    c = ucf101.get_config()
    file = "c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb_20220811-31723200.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    c.optimizer.learning_rate = 1e-4
    return c
