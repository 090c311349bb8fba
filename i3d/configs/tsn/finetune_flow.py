"""Fine-tunes the flow stream of TSN on a data set of one's own.

There are no published weights of this network, so it is initialised from torchvision's ResNet-50 of
ImageNet, and needs ten times the learning rate of finetune.py.

Command: python -m i3d.train --config=configs/tsn/finetune_flow.py --workdir=runs/mine_flow \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more, or a CPU for small data sets.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published
from i3d.configs.tsn import kinetics_flow


def get_config():
    """Returns the configuration: 2000 updates of 16 videos."""
    c = kinetics_flow.get_config()
    published.fine_tuned(c, c.model.start)
    c.model.inflate = True
    c.batch_norm = "local"  # statistics of pictures are not those of flow
    c.batch_norm_momentum = 0.9
    c.optimizer.learning_rate = 0.01
    return c
