"""Fine-tunes TSN on a data set of one's own, and on filtered web videos and images beside it.

Command: python -m i3d.train --config=configs/omnisource/finetune.py --workdir=runs/mine_omni \
    --config.data.records=data/mine --config.sources.records=data/web,data/photos
    where data/web and data/photos have the classes of data/mine, see docs/omnisource.md.
Hardware: one GPU of 16 GB or more, or a CPU for small data sets.
CPU: not measured; a batch takes as long as in configs/tsn/finetune.py.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs.tsn import finetune


def get_config():
    """Returns the configuration of configs/tsn/finetune.py, with a batch of each web source
    for two of one's own."""
    c = finetune.get_config()
    c.sources.ratios = (0.5,)
    return c
