"""Fine-tunes ActionCLIP ViT-B/16 on a few videos of each class, from weights of Kinetics-400.

Command: python -m i3d.train --config=configs/actionclip/few_shot.py --workdir=runs/mine_4 \
    --config.data.records=data/mine --config.data.shots=4
    Usual are 1, 2, 4, 8 and 16 videos. shots.csv in the folder of the run lists them;
    --config.seed=1 draws others.
The best weights are chosen on a tenth of all training videos, which are held out first. Where
there are no others than those few: --config.data.validation= (nothing).
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs.actionclip import finetune


def get_config():
    """Returns the configuration: 500 updates of 16 videos, no published recipe."""
    c = finetune.get_config()
    c.steps = 500
    c.schedule.begin, c.schedule.warmup_steps = 50, 51
    c.validate_every, c.checkpoint_every = 100, 100
    c.data.shots = 4
    return c
