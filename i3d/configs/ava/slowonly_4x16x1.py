"""SlowOnly 4x16 from Kinetics-400 on AVA 2.1, as MMAction2 published it.

Command: python -m i3d.train --config=configs/ava/slowonly_4x16x1.py --workdir=runs/ava
Test as published: python -m i3d.evaluate --task=ava --records=data/ava --split=val \
    --checkpoint=runs/ava/step-00032960/model.weights.h5 --boxes=proposals
Hardware: 8 GPUs, as published. With fewer, keep 128 key frames an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: frame mAP 20.72 at an overlap of 0.5 on the validation of AVA 2.1, as published, on
    the boxes of people of MMAction2's proposals.
Source: MMAction2, configs/detection,
    slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.ava_20_epochs(clips=128)
    c.data.frames, c.data.stride = 4, 16
    c.model.name = "ava_slowonly_r50_4x16x1"
    file = "slowonly_r50_4x16x1_256e_8xb16_kinetics400-rgb_20220901-f6a40d08.pth"
    c.model.start = f"checkpoints/{file}"
    return c
