"""ir-CSN-50 from 65 million videos (IG-65M) on Kinetics-400, as MMAction2 published it.

It is initialised from ircsn_from_scratch_r50_ig65m_20210617-ce545a37.pth, to be put into
checkpoints/, and normalises with the statistics that come with it. ir-CSN-152:
--config.model.name=ircsn_r152_32x2x1 and
--config.model.start=checkpoints/ircsn_from_scratch_r152_ig65m_20200807-771c4135.pth, as published
82.84 top-1, 95.92 top-5 (with --config.batch_norm=local 82.87 and 95.90).

Command: python -m i3d.train --config=configs/csn/kinetics_ig65m.py --workdir=runs/csn_ig65m
Test as published: python -m i3d.evaluate --config=configs/csn/kinetics_ig65m.py \
    --split=validation --checkpoint=runs/csn_ig65m/best.weights.h5 --clips=10 \
    --crops=3 --config.data.size=256
Hardware: 8 GPUs, as published. With fewer, keep 96 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 79.44 top-1, 94.26 top-5, as published.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=58, clips=96)
    c.batch_norm = "frozen"
    c.data.frames, c.data.stride = 32, 2
    c.data.crop = "random_resized"
    c.model.name = "ircsn_r50_32x2x1"
    c.model.start = "checkpoints/ircsn_from_scratch_r50_ig65m_20210617-ce545a37.pth"
    c.optimizer.learning_rate = 5e-4
    published.multi_step(c, (32, 48), clips=96)
    c.schedule.warmup_steps = published.steps(16, clips=96)
    return c
