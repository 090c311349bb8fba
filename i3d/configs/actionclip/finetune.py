"""Fine-tunes ActionCLIP ViT-B/16 on a data set of one's own, from weights of Kinetics-400.

Command: python -m i3d.train --config=configs/actionclip/finetune.py --workdir=runs/mine_text \
    --config.data.records=data/mine
    The class names are the texts; --config.text.labels=labels.txt gives others, a line each.
Plain CLIP instead: --config.model.start=checkpoints/ViT-B-16.pt.
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 2000 updates of 16 videos, no published recipe."""
    c = published.actionclip(per_epoch=200, clips=128, epochs=10, warmup=1)
    c.schedule.hold, c.schedule.hold_within = 1, 0
    c.log_every, c.validate_every, c.checkpoint_every = 20, 200, 200
    c.data.validation, c.data.validation_share = "train", 0.1
    c.model.name = "actionclip_b16_8f"
    c.model.start = "checkpoints/vit-b-16-8f.pt"
    return c
