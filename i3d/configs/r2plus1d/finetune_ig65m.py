"""Fine-tunes R(2+1)D-34 on a data set of one's own, from 65 million videos and Kinetics-400.

Weights of IG-65M alone: --config.model.start=r2plus1d_34_clip32_ig65m_from_scratch-449a7af9.pth in
the folder of checkpoints; a head of other classes is left out.

Command: python -m i3d.train --config=configs/r2plus1d/finetune_ig65m.py \
    --workdir=runs/mine_ig65m --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.r2plus1d import kinetics


def get_config():
    """Returns the configuration: 2000 updates of 16 clips of 32 successive frames."""
    c = kinetics.get_config()
    file = "r2plus1d_34_clip32_ft_kinetics_from_ig65m-ade133f1.pth"
    published.fine_tuned(c, f"checkpoints/{file}")
    c.model.name = "ig65m_r2plus1d_34_32"
    c.data.frames, c.data.stride = 32, 1
    c.data.size = 112
    c.data.mean, c.data.std = published.KINETICS_MEAN, published.KINETICS_STD
    return c
