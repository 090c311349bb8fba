"""Trains SlowOnly 4x16 on actions of one's own, from AVA: few classes, one GPU.

Command: python -m i3d.train --config=configs/ava/finetune.py --workdir=runs/mine_ava \
    --config.data.records=data/mine
    The data set before it, from videos, annotations as AVA's (video, second, x1, y1, x2, y2,
    action, person) and a label map:
    python -m data_prep build_detection --videos=clips --annotations=train.csv \
        --label_map=labels.txt --split=train --out=data/mine
    python -m data_prep build_detection --videos=clips --annotations=val.csv \
        --label_map=labels.txt --split=validation --out=data/mine
Some of the label map's classes alone: --config.boxes.classes=(3,7,12)
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs.ava import slowonly_4x16x1
from i3d.configs.published import fine_tuned


def get_config():
    """Returns the configuration: 2000 updates of 16 key frames."""
    c = slowonly_4x16x1.get_config()
    file = "slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb_20220906-953ef5fe.pth"
    fine_tuned(c, f"checkpoints/{file}")
    c.data.validation, c.data.validation_share = "validation", 0.0
    c.optimizer.learning_rate = 0.01
    return c
