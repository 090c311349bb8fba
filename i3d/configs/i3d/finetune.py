"""Fine-tunes I3D on a data set of one's own, with few clips at a time.

Command: python -m i3d.train --config=configs/i3d/finetune.py --config.data.records=data/mine \
    --workdir=runs/mine_rgb --config.model.start=checkpoints/rgb_imagenet/model.ckpt
    and for flow --config.data.stream=flow --config.model.start=checkpoints/flow_imagenet/model.ckpt
Batch normalisation is frozen, as statistics of a few clips are poor; on several GPUs
    --config.batch_norm=sync with some 16 clips or more in all is worth a try.
Hardware: one GPU of 16 GB or more (or a patient CPU: 64 frames of 224 pixels, one clip at a time).
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d import config


def get_config():
    """Returns the configuration: 4000 updates of 24 clips."""
    c = config.defaults()
    c.steps = 4_000
    c.validate_every = 500
    c.checkpoint_every = 250
    c.batch_norm = "frozen"
    c.data.frames = 64
    c.data.size = 224
    c.data.crop = "multi_scale"
    c.data.validation, c.data.validation_share = "train", 0.1
    c.model.dropout = 0.5
    c.model.start = "checkpoints/rgb_imagenet/model.ckpt"
    c.batch.per_replica = 6
    c.batch.accumulate = 4
    c.optimizer.learning_rate = 0.01
    c.optimizer.reference_batch = 24
    c.optimizer.weight_decay = 1e-7
    c.optimizer.clip_norm = 40.0
    c.schedule.name = "multi_step"
    c.schedule.boundaries = (2_500, 3_500)
    return c
