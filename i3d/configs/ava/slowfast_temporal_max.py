"""SlowFast 8x8 with the maximum over time on AVA 2.2, as MMAction2 published it.

Command: python -m i3d.train --config=configs/ava/slowfast_temporal_max.py --workdir=runs/ava
Test as published: python -m i3d.evaluate --task=ava --records=data/ava --split=val \
    --checkpoint=runs/ava/step-00043958/model.weights.h5 --boxes=proposals
With the mean over time (25.90): --config.model.name=ava_slowfast_r50_8x8x1
With the focal loss (26.65): --config.boxes.focal_alpha=3 --config.boxes.focal_gamma=1
Hardware: 8 GPUs, as published. With fewer, keep 48 key frames an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: frame mAP 26.41 at an overlap of 0.5 on the validation of AVA 2.2, as published, on
    the boxes of people of MMAction2's proposals.
Source: MMAction2, configs/detection,
    slowfast_kinetics400-pretrained-r50-temporal-max_8xb6-8x8x1-cosine-10e_ava22-rgb.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.ava_cosine(clips=48)
    c.data.frames, c.data.stride = 32, 2
    c.model.name = "ava_slowfast_r50_8x8x1_temporal_max"
    file = "slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb_20220818-1cb6dfc8.pth"
    c.model.start = f"checkpoints/{file}"
    return c
