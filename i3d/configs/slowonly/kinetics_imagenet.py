"""SlowOnly 4x16 from ImageNet on Kinetics-400, as MMAction2 published it.

It is initialised from torchvision's ResNet-50 of ImageNet (resnet50-0676ba61.pth, to be put into
checkpoints/).

Command: python -m i3d.train --config=configs/slowonly/kinetics_imagenet.py --workdir=runs/slowonly
Test as published: python -m i3d.evaluate --config=configs/slowonly/kinetics_imagenet.py \
    --split=validation --checkpoint=runs/slowonly/best.weights.h5 \
    --clips=10 --crops=3 --config.data.size=256
Hardware: 8 GPUs, as published. With fewer, keep 128 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 74.83 top-1, 91.60 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=150, clips=128)
    c.data.frames = 4
    c.data.stride = 16
    c.data.crop = "random_resized"
    c.model.name = "slowonly_r50_4x16x1"
    c.model.start = "checkpoints/resnet50-0676ba61.pth"
    c.model.inflate = True
    c.optimizer.learning_rate = 0.02
    published.multi_step(c, (100, 140), clips=128)
    c.schedule.warmup_steps = published.steps(9, clips=128)  # full rate at the tenth epoch
    return c
