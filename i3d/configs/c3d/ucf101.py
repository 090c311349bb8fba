"""C3D on split 1 of UCF101 (101 classes), by the recipe that MMAction2 published.

The data set: docs/data.md, "Build a data set", with --short_side=128 and --split=train and test.

Command: python -m i3d.train --config=configs/c3d/ucf101.py --workdir=runs/c3d
It is initialised from checkpoints/c3d_sports1m_pretrain_20201016-dcc47ddc.pth, the weights of
Sports-1M without a head that MMAction2 published; without that file add --config.model.start=
(random weights).
Test as published: python -m i3d.evaluate --config=configs/c3d/ucf101.py \
    --checkpoint=runs/c3d/best.weights.h5 --clips=10
The original resizes frames to 128x171. The file of Sports-1M was not at hand: its keys are taken to
be those of the published UCF101 file, without "backbone.".
Hardware: 8 GPUs, as published. With fewer, keep 240 clips an update by
    --config.batch.accumulate=N; or leave it, and the learning rate scales linearly.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 83.08 top-1, 95.93 top-5 from Sports-1M, as published.
"""

from i3d.configs import published

VIDEOS = 9_537  # to train on


def get_config():
    """Returns the configuration."""
    c = published.kinetics(epochs=45, clips=240)
    c.steps = published.steps(45, clips=240, videos=VIDEOS)
    c.log_every, c.validate_every, c.checkpoint_every = 20, 200, 200
    c.data.records = "data/ucf101"
    c.data.validation, c.data.validation_share = "train", 0.1
    c.data.frames = 16
    c.data.size = 112
    c.data.mean, c.data.std = (104.0, 117.0, 128.0), (1.0, 1.0, 1.0)
    c.model.name = "c3d_16x1x1"
    c.model.start = "checkpoints/c3d_sports1m_pretrain_20201016-dcc47ddc.pth"
    c.optimizer.learning_rate = 0.001
    c.optimizer.weight_decay = 5e-4
    c.schedule.name = "multi_step"
    c.schedule.boundaries = tuple(published.steps(e, 240, VIDEOS) for e in (20, 40))
    return c
