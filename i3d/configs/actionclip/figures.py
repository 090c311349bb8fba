"""Trains a small ActionCLIP from random weights on captions of the synthetic figures.

Command: python -m i3d.train --config=configs/actionclip/figures.py --workdir=runs/captions
    The data set before it; on captions that are not held out:
    python -m data_prep figures --classes=learned --out=figures/learned --videos_per_class=40 \
        --height=36 --width=36
    python -m data_prep build --videos=figures/learned --split=train --out=data/learned \
        --streams=rgb --short_side=36
All of it, with the test on the captions that were held out, for three seeds:
python -m benchmarks.zero_shot.
Hardware: 2 CPU cores.
CPU: about 7 minutes for the training, where other programs shared the two cores.
GPU: not measured.
Run: yes, seeds 0 and 1.
Expected result: 93.6 and 87.9 % of 140 videos of the 7 captions that were held out, by the most
    probable of these (chance 14.3 %). The choice being among all 28 (chance 3.6 %), 28.6 and
    25.7 % of them, and 41.9 and 38.3 % of new videos of the 21 learned ones: action, side and limb
    are learned (of the words of held-out captions 78.6 and 68.6 %, 92.9 and 89.3 %, 100 and
    100 %), the speed is not (41.4 and 53.6 %, chance 50).
"""

from i3d import config
from i3d.configs import published


def get_config():
    """Returns the configuration: 250 updates of 48 videos, no published recipe."""
    c = config.defaults()
    c.steps = 250
    c.log_every = 10
    c.checkpoint_every = 50
    c.data.records = "data/learned"
    c.data.validation = ""
    c.data.frames, c.data.segments = 1, 8
    c.data.sampling = "ticks"
    c.data.size = 32  # of records of short side 36
    c.data.flip = False  # the left arm is not the right one
    c.data.mean, c.data.std = published.CLIP_MEAN, published.CLIP_STD
    c.model.name = "actionclip_tiny_8f"
    c.batch.per_replica = 48
    c.optimizer.name = "adamw"
    c.optimizer.learning_rate = 5e-4  # from random weights; fine-tuning takes 5e-6
    c.optimizer.weight_decay = 0.05
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = 30
    return c
