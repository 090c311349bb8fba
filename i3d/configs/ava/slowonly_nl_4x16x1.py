"""SlowOnly 4x16 with non-local blocks, from Kinetics-400 on AVA 2.1, as MMAction2 published it.

Command: python -m i3d.train --config=configs/ava/slowonly_nl_4x16x1.py --workdir=runs/ava
Test as published: python -m i3d.evaluate --task=ava --records=data/ava --split=val \
    --checkpoint=runs/ava/step-00032960/model.weights.h5 --boxes=proposals
Put MMAction2's SlowOnly with non-local blocks of Kinetics-400 at
    checkpoints/slowonly_nl_kinetics400.pth; without them, --config.model.start= (nothing).
Hardware: 8 GPUs, as published. With fewer, keep 128 key frames an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: frame mAP 21.55 at an overlap of 0.5 on the validation of AVA 2.1, as published, on
    the boxes of people of MMAction2's proposals.
Source: MMAction2, configs/detection,
    slowonly_kinetics400-pretrained-r50-nl_8xb16-4x16x1-20e_ava21-rgb.
"""

from i3d.configs.ava import slowonly_4x16x1


def get_config():
    """Returns the configuration."""
    c = slowonly_4x16x1.get_config()
    c.model.name = "ava_slowonly_r50_4x16x1_nl"
    c.model.start = "checkpoints/slowonly_nl_kinetics400.pth"
    return c
