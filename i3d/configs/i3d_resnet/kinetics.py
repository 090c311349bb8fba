"""I3D with an inflated ResNet-50 on Kinetics-400, as MMAction2 published it.

It is initialised from torchvision's ResNet-50 of ImageNet (resnet50-0676ba61.pth, to be put into
checkpoints/).

Command: python -m i3d.train --config=configs/i3d_resnet/kinetics.py --workdir=runs/i3d_r50
Test as published: python -m i3d.evaluate --config=configs/i3d_resnet/kinetics.py \
    --split=validation --checkpoint=runs/i3d_r50/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=256
Here crops draw from four scales, in the original from 1 and 0.8.
Hardware: 8 GPUs, as published. With fewer, keep 64 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 73.47 top-1, 91.27 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=100, clips=64)
    c.data.frames = 32
    c.data.stride = 2
    c.data.crop = "multi_scale"
    c.model.name = "i3d_r50_32x2x1"
    c.model.start = "checkpoints/resnet50-0676ba61.pth"
    c.model.inflate = True
    published.multi_step(c, (40, 80), clips=64)
    return c
