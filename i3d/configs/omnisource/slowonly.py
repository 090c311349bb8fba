"""SlowOnly 8x8 on Kinetics-400 and ImageNet together, a head for each, from random weights.

As MMAction2 trains its OmniSource network: every update is of a batch of clips and one of images,
whose losses are added. Batches and epochs are those that the published file names; the learning
rate is that of configs/slowonly/kinetics.py, as the published one was not at hand.

Command: python -m i3d.train --config=configs/omnisource/slowonly.py --workdir=runs/omni \
    with data/kinetics400 (videos) and data/imagenet, built by `python -m data_prep build --images`
Test as published: python -m i3d.evaluate --config=configs/omnisource/slowonly.py \
    --split=validation --checkpoint=runs/omni/best.weights.h5 --clips=10 --crops=3 \
    --config.data.size=256
Hardware: 8 GPUs, as published.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 77.30 top-1, 93.23 top-5, as published.
"""

from i3d.configs import published
from i3d.configs.slowonly import kinetics


def get_config():
    """Returns the configuration: 16 clips and 85 images on each of 8 GPUs.

    1.28 million images in 15,000 updates of an epoch are 85 on each, as published.
    """
    c = kinetics.get_config()
    c.data.frames, c.data.stride = 8, 8
    c.model.name = "omni_slowonly_r50"
    c.data.mean, c.data.std = published.IMAGENET_MEAN, published.IMAGENET_STD
    c.sources.records, c.sources.kinds = "data/imagenet", "images"
    c.sources.per_replica, c.sources.together = (85,), True
    return c
