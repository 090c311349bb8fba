"""Trains a small I3D on the synthetic figures: the recipe of the demo weights.

Command: the data set, then flow, then RGB, which is initialised from the weights of flow (from
random weights RGB stays at chance for longer than this takes):

    python -m data_prep figures --out=figures/train --videos_per_class=100
    python -m data_prep figures --out=figures/test --videos_per_class=20 --test
    python -m data_prep build --videos=figures/train --split=train --out=data/figures \
        --short_side=96
    python -m data_prep build --videos=figures/test --split=test --out=data/figures \
        --short_side=96
    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/flow \
        --config.data.stream=flow
    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/rgb \
        --config.model.start=runs/flow/step-00001500/model.weights.h5 \
        --config.model.start_stream=flow --config.steps=1000 --config.optimizer.learning_rate=0.02

Hardware: 2 CPU cores.
CPU: about 6 minutes for the data set, 18 for flow, 12 for RGB (each of the two on one core).
GPU: not measured.
Run: yes, as above.
Expected result: checkpoints/README.md.
"""

from i3d import config


def get_config():
    """Returns the configuration."""
    c = config.defaults()
    c.steps = 1500
    c.log_every = 50
    c.checkpoint_every = 100
    c.batch_norm_momentum = 0.9
    c.data.records = "data/figures"
    c.data.validation = ""
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
