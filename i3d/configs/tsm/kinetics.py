"""TSM with a ResNet-50 on Kinetics-400, eight frames of a video, as MMAction2 published it.

It is initialised from torchvision's ResNet-50 of ImageNet (resnet50-0676ba61.pth, to be put into
checkpoints/).

Command: python -m i3d.train --config=configs/tsm/kinetics.py --workdir=runs/tsm
Test as published: python -m i3d.evaluate --config=configs/tsm/kinetics.py \
    --split=validation --checkpoint=runs/tsm/best.weights.h5 --crops=10
Here crops have 5 places, not 13.
Hardware: 8 GPUs, as published. With fewer, keep 128 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 73.18 top-1, 90.56 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=50, clips=128)
    c.data.frames = 1
    c.data.segments = 8
    c.data.crop = "multi_scale"
    c.model.name = "tsm_r50_1x1x8"
    c.model.start = "checkpoints/resnet50-0676ba61.pth"
    c.model.inflate = True
    c.optimizer.learning_rate = 0.02
    c.optimizer.kernels_only = True
    c.optimizer.head_factors = (5.0, 10.0)
    c.optimizer.clip_norm = 20.0
    published.multi_step(c, (25, 45), clips=128)
    c.schedule.warmup_steps = published.steps(4, clips=128)  # full rate at the fifth epoch
    return c
