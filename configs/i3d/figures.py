"""Small I3D on the embedded figures: the demo checkpoints of checkpoints/demo.

    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/rgb
    python -m i3d.train --config=configs/i3d/figures.py --config.data.stream=flow --workdir=runs/flow
"""

from i3d import config


def get_config():
    """Returns the configuration."""
    c = config.defaults()
    c.steps = 1500
    c.log_every = 50
    c.validate_every = 500
    c.checkpoint_every = 100
    c.data.records = "data/figures"
    c.data.frames = 16
    c.data.stride = 3
    c.data.size = 80  # of records of short side 96
    c.data.flip = False  # walking left is not walking right
    c.model.width = 0.25
    c.model.dropout = 0.3
    c.batch.per_replica = 16
    c.optimizer.learning_rate = 0.05
    c.optimizer.weight_decay = 1e-4
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = 100
    return c
