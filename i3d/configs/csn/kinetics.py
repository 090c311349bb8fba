"""ir-CSN-152 from random weights on Kinetics-400, by the schedule that MMAction2 published.

Its weights were made by the authors, in VMZ, and converted; the schedule is that of MMAction2's
recipes for 180 epochs. ip-CSN: --config.model.name=ipcsn_r152_32x2x1, as published 77.80 top-1,
93.10 top-5.

Command: python -m i3d.train --config=configs/csn/kinetics.py --workdir=runs/csn
Test as published: python -m i3d.evaluate --config=configs/csn/kinetics.py \
    --split=validation --checkpoint=runs/csn/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=256
Warm-up and cosine are multiplied, so that the peak is 0.071.
Hardware: 8 GPUs, as published. With fewer, keep 32 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 76.53 top-1, 92.28 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=180, clips=32)
    c.data.frames, c.data.stride = 32, 2
    c.data.crop = "random_resized"
    c.data.mean, c.data.std = published.KINETICS_MEAN, published.KINETICS_STD
    c.model.name = "ircsn_r152_32x2x1"
    c.optimizer.learning_rate = 0.08
    c.schedule.name = "cosine"
    c.schedule.warmup_steps = published.steps(40, clips=32)
    return c
