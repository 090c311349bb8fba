"""SlowOnly 4x16 from random weights on Kinetics-400, as MMAction2 published it.

Command: python -m i3d.train --config=configs/slowonly/kinetics.py --workdir=runs/slowonly
Test as published: python -m i3d.evaluate --config=configs/slowonly/kinetics.py \
    --split=validation --checkpoint=runs/slowonly/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=256
The published rates change between epochs, these between updates.
Hardware: 8 GPUs, as published. With fewer, keep 128 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 72.68 top-1, 90.68 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=256, clips=128)
    c.data.frames = 4
    c.data.stride = 16
    c.data.crop = "random_resized"
    c.model.name = "slowonly_r50_4x16x1"
    c.optimizer.learning_rate = 0.2
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = published.steps(33, clips=128)
    c.schedule.begin = published.steps(34, clips=128)
    return c
