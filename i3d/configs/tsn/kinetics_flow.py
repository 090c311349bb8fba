"""TSN on stacks of five flow fields of Kinetics-400: the recipe of RGB, for the other stream.

The first kernel is the mean of the image network's over its channels (Wang et al. 2016).

Command: python -m i3d.train --config=configs/tsn/kinetics_flow.py --workdir=runs/tsn_flow
Test as published: python -m i3d.evaluate --config=configs/tsn/kinetics_flow.py \
    --split=validation --checkpoint=runs/tsn_flow/best.weights.h5 --clips=25 \
    --crops=10
Hardware: 8 GPUs. With fewer, keep 256 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known; none is published for this recipe.
"""

from i3d.configs import published
from i3d.configs.tsn import kinetics_rgb


def get_config():
    """Returns the configuration."""
    c = kinetics_rgb.get_config()
    c.data.stream = "flow"
    c.data.frames = 5
    c.data.mean, c.data.std = published.FLOW_MEAN, published.FLOW_STD
    c.model.name = "tsn_r50_5x1x3_flow"
    return c
