"""Fine-tunes ir-CSN-50 on a data set of one's own, from 65 million videos and Kinetics-400.

Weights of IG-65M alone:
--config.model.start=checkpoints/ircsn_from_scratch_r50_ig65m_20210617-ce545a37.pth; a head of other
classes, or none, is left out.

Command: python -m i3d.train --config=configs/csn/finetune.py --workdir=runs/mine_csn \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.csn import kinetics_ig65m


def get_config():
    """Returns the configuration: 2000 updates of 16 clips."""
    file = "ircsn_ig65m-pretrained-r50-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb_20220811-44395bae"
    return published.fine_tuned(kinetics_ig65m.get_config(), f"checkpoints/{file}.pth")
