"""SlowFast 4x16 from random weights on Kinetics-400, as MMAction2 published it.

Command: python -m i3d.train --config=configs/slowfast/kinetics.py --workdir=runs/slowfast
Test as published: python -m i3d.evaluate --config=configs/slowfast/kinetics.py \
    --split=validation --checkpoint=runs/slowfast/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=256
Warm-up and cosine are multiplied, so that the peak is 0.096. The published cosine changes between
epochs, this between updates.
Hardware: 8 GPUs, as published. With fewer, keep 64 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 75.55 top-1, 92.35 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=256, clips=64)
    c.data.frames = 32
    c.data.stride = 2
    c.data.crop = "random_resized"
    c.model.name = "slowfast_r50_4x16x1"
    c.optimizer.learning_rate = 0.1
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = published.steps(34, clips=64)
    return c
