"""TSN with a ResNet-50 on Kinetics-400, three frames of a video, as MMAction2 published it.

It is initialised from torchvision's ResNet-50 of ImageNet (resnet50-0676ba61.pth, to be put into
checkpoints/).

Command: python -m i3d.train --config=configs/tsn/kinetics_rgb.py --workdir=runs/tsn_rgb
Test as published: python -m i3d.evaluate --config=configs/tsn/kinetics_rgb.py \
    --split=validation --checkpoint=runs/tsn_rgb/best.weights.h5 --clips=25 \
    --crops=10
Hardware: 8 GPUs, as published. With fewer, keep 256 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 72.83 top-1, 90.65 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=100, clips=256)
    c.data.frames = 1
    c.data.segments = 3
    c.data.crop = "multi_scale"
    c.model.name = "tsn_r50_1x1x3"
    c.model.dropout = 0.4
    c.model.start = "checkpoints/resnet50-0676ba61.pth"
    c.model.inflate = True
    published.multi_step(c, (40, 80), clips=256)
    return c
