"""ActionFormer on videos of one's own, annotated in a CSV.

Command: python -m i3d.train --config=configs/actionformer/finetune.py --workdir=runs/mine \
    --config.data.records=features --config.segments.annotations=segments.csv
    segments.csv has the columns path,label,start_s,end_s (seconds); with split, say "train" and
    "validation", add --config.data.validation=validation --config.data.validation_share=0
    The features before it, a .npz file of each video:
    python -m i3d.extract_features --preset=thumos_i3d --checkpoint=rgb_imagenet \
        --checkpoint=flow_imagenet --video_list=videos.txt --out=features
    Where i3d.localize is to see videos that are not 4:3: --window=16 --stride=4 --fps=0 in place of
    --preset, as it makes the same rows (docs/localization.md)
Features of RGB alone: --config.segments.channels=1024 --config.segments.extractors=rgb_imagenet
From the published weights of THUMOS14, whose head is left out:
    --config.model.start=checkpoints/thumos_i3d_reproduce/epoch_034.pth.tar
Hardware: one GPU of 8 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 2000 updates of two videos, a tenth of the videos held out."""
    c = published.actionformer(per_epoch=100, videos=2, epochs=20, warmup=2)
    c.data.validation, c.data.validation_share = "train", 0.1
    c.segments.extractors = "rgb_imagenet,flow_imagenet"
    c.optimizer.ema_decay = 0.99
    return c
