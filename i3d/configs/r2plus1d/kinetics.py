"""R(2+1)D-34 8x8 from random weights on Kinetics-400, as MMAction2 published it.

Command: python -m i3d.train --config=configs/r2plus1d/kinetics.py --workdir=runs/r2plus1d
Test as published: python -m i3d.evaluate --config=configs/r2plus1d/kinetics.py \
    --split=validation --checkpoint=runs/r2plus1d/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=256
Hardware: 8 GPUs, as published. With fewer, keep 64 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 69.76 top-1, 88.41 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=180, clips=64)
    c.data.frames = 8
    c.data.stride = 8
    c.data.crop = "random_resized"
    c.model.name = "r2plus1d_r34_8x8x1"
    c.schedule.name = "cosine"
    return c
