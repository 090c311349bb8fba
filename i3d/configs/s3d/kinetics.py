"""S3D from random weights on Kinetics-400, by the schedule of I3D.

torchvision, whose network this is, does not tell how it was trained.

Command: python -m i3d.train --config=configs/s3d/kinetics.py --workdir=runs/s3d
Test as published: python -m i3d.evaluate --config=configs/s3d/kinetics.py \
    --split=validation --checkpoint=runs/s3d/best.weights.h5 --clips=10
Hardware: 64 GPUs with 6 clips each. With fewer, keep 384 clips an update by
    --config.batch.accumulate=N (64 / GPUs); or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known. torchvision's weights have 68.37 top-1, 88.05 top-5, as published, on
    one clip of 128 frames at 15 frames per second.
"""

from i3d.configs import published
from i3d.configs.i3d import kinetics_rgb


def get_config():
    """Returns the configuration."""
    c = kinetics_rgb.get_config()
    c.data.mean, c.data.std = published.KINETICS_MEAN, published.KINETICS_STD
    c.model.name = "tv_s3d"
    c.model.dropout = 0.2
    return c
