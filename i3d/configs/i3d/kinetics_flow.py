"""I3D's flow stream on Kinetics-400, as published (Carreira & Zisserman 2017 and its README).

Command: python -m i3d.train --config=configs/i3d/kinetics_flow.py --workdir=runs/kinetics_flow \
    --config.data.records=data/kinetics400
Hardware: 64 GPUs with 6 clips each, as published; see kinetics_rgb.py for fewer.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 61.5 top-1 from scratch, 63.4 from ImageNet on the test set, as published.
"""

from i3d.configs.i3d import kinetics_rgb


def get_config():
    """Returns the configuration: the learning rate is raised again once."""
    c = kinetics_rgb.get_config()
    c.steps = 155_000
    c.data.stream = "flow"
    c.schedule.boundaries = (97_000, 104_500, 115_000, 140_000, 150_000)
    c.schedule.factors = (1.0, 0.1, 0.01, 1.0, 0.1, 0.01)
    return c
