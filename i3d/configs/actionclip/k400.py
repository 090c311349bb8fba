"""ActionCLIP ViT-B/32 with 8 frames on Kinetics-400, by the recipe that its authors published.

Command: python -m i3d.train --config=configs/actionclip/k400.py --workdir=runs/actionclip
It is initialised from checkpoints/ViT-B-32.pt, OpenAI's CLIP. Another size, as published:
    --config.model.name=actionclip_b16_16f --config.data.segments=16
    --config.model.start=checkpoints/ViT-B-16.pt
Differences from the original: bfloat16 with float32 weights, where it has half precision in the
weights themselves; the loss is over the videos of all machines, where it knows one.
Hardware: 8 GPUs. With fewer, raise --config.batch.per_replica, so that an update keeps 128 videos:
    with --config.batch.accumulate each part is compared with its own texts alone.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: 78.36 top-1, 94.25 top-5 (one crop), as published.
"""

from i3d.configs import published

PER_EPOCH = 1_828  # updates of 128 videos, by the published log


def get_config():
    """Returns the configuration."""
    c = published.actionclip(per_epoch=PER_EPOCH, clips=128)
    c.log_every, c.validate_every, c.checkpoint_every = 100, PER_EPOCH, 1_000
    c.data.records = "data/kinetics400"
    c.data.read_mb = 4096
    c.data.rand_augment = (2, 9)
    c.model.name = "actionclip_b32_8f"
    c.model.start = "checkpoints/ViT-B-32.pt"
    return c
