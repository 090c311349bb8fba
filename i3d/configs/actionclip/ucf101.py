"""ActionCLIP ViT-B/16 with 8 frames on split 1 of UCF101 (101 classes), by its authors' recipe.

The data set: docs/data.md, "Build a data set", with --split=train and --split=test.

Command: python -m i3d.train --config=configs/actionclip/ucf101.py --workdir=runs/actionclip_ucf101
It is initialised from checkpoints/vit-b-16-8f.pt, the published weights of Kinetics-400.
Test: python -m i3d.evaluate --config=configs/actionclip/ucf101.py \
    --checkpoint=runs/actionclip_ucf101/best.weights.h5
"ApplyEyeMakeup" is read as one word, as the original does; --config.text.split_camel_case=true
reads three.
Training takes the centres of the segments, as the original does, whose file does not set
random_shift; --config.data.sampling=ticks draws the frames.
A tenth of the training videos is held out to choose the best weights on, which the original does
on the test videos.
Hardware: 8 GPUs. With fewer, raise --config.batch.per_replica, so that an update keeps 32 videos:
    with --config.batch.accumulate each part is compared with its own texts alone.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known. Published are 97.1 top-1 for ViT-B/16 with 32 frames, from Kinetics-400.
"""

from i3d.configs import published

PER_EPOCH = 298  # updates of 32 videos, of 9_537 to train on


def get_config():
    """Returns the configuration."""
    c = published.actionclip(per_epoch=PER_EPOCH, clips=32)
    c.log_every, c.validate_every, c.checkpoint_every = 10, PER_EPOCH, PER_EPOCH
    c.data.records = "data/ucf101"
    c.data.validation, c.data.validation_share = "train", 0.1
    c.data.sampling = "test"
    c.model.name = "actionclip_b16_8f"
    c.model.start = "checkpoints/vit-b-16-8f.pt"
    return c
