"""I3D's RGB stream on Kinetics-400, as published (Carreira & Zisserman 2017 and its README).

Command: python -m i3d.train --config=configs/i3d/kinetics_rgb.py --workdir=runs/kinetics_rgb \
    --config.data.records=data/kinetics400
From ImageNet (an Inception-v1 as .weights.h5): --config.model.start=FILE --config.model.inflate
Hardware: 64 GPUs with 6 clips each, as published. With fewer, keep 384 clips an update by
    --config.batch.accumulate=N (64 / GPUs); or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 68.4 top-1 from scratch, 71.1 from ImageNet on the test set, as published.
"""

from i3d import config


def get_config():
    """Returns the configuration."""
    c = config.defaults()
    c.steps = 115_000
    c.log_every = 100
    c.validate_every = 5_000
    c.checkpoint_every = 1_000
    c.data.records = "data/kinetics400"
    c.data.frames = 64
    c.data.size = 224
    c.data.read_mb = 4096
    c.model.dropout = 0.5
    c.batch.per_replica = 6
    c.optimizer.learning_rate = 0.1
    c.optimizer.reference_batch = 6 * 64
    c.optimizer.weight_decay = 1e-7
    c.schedule.boundaries = (97_000, 108_000)
    c.schedule.factors = (1.0, 0.1, 0.01)
    return c
