"""BMN on videos of one's own, annotated in a CSV: proposals, segments without a class.

Command: python -m i3d.train --config=configs/bmn/finetune.py --workdir=runs/mine \
    --config.data.records=features --config.segments.annotations=segments.csv
    segments.csv has the columns path,label,start_s,end_s (seconds); labels are not learned.
    The features before it, a .npz file of each video:
    python -m i3d.extract_features --preset=activitynet_i3d --checkpoint=rgb_imagenet \
        --checkpoint=flow_imagenet --video_list=videos.txt --out=features
Features of RGB alone: --config.segments.channels=1024 --config.segments.extractors=rgb_imagenet
Hardware: one GPU of 8 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 900 updates of 16 videos, a tenth of the videos held out."""
    c = published.bmn(per_epoch=100, videos=16)
    c.data.validation, c.data.validation_share = "train", 0.1
    c.segments.stride, c.segments.fps = 16, 25.0
    c.segments.rows = c.segments.longest = 100
    c.segments.extractors = "rgb_imagenet,flow_imagenet"
    return c
