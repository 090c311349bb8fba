"""X3D-S from random weights on Kinetics-400, by the schedule of its authors.

The numbers are those of PySlowFast's X3D_S. Two things differ: crops have a random area and shape,
where the original draws the short side between 182 and 228 pixels; and no bias decays, where the
original leaves out the normalisations alone. X3D-M: --config.model.name=x3d_m_16x5x1
--config.data.frames=16 --config.data.stride=5 --config.data.size=224, as published 76.40 top-1.

Command: python -m i3d.train --config=configs/x3d/kinetics.py --workdir=runs/x3d
Test as published: python -m i3d.evaluate --config=configs/x3d/kinetics.py \
    --split=validation --checkpoint=runs/x3d/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=182
Warm-up and cosine are multiplied, so that the peak is 0.097.
Hardware: 8 GPUs, as published. With fewer, keep 128 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 73.30 top-1, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=300, clips=128)
    c.data.frames, c.data.stride = 13, 6
    c.data.size = 160
    c.data.crop = "random_resized"
    c.data.mean, c.data.std = published.X3D_MEAN, published.X3D_STD
    c.model.name = "x3d_s_13x6x1"
    c.optimizer.learning_rate = 0.1
    c.optimizer.weight_decay, c.optimizer.kernels_only = 5e-5, True
    c.optimizer.clip_norm = 0.0
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = published.steps(35, clips=128)
    return c
