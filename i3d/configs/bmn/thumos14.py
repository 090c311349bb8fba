"""BMN on THUMOS14 with two-stream I3D features, nearly as OpenTAD: windows of 128 rows.

It finds proposals, segments without a class; the classes of a video come from a classifier.

Command: python -m i3d.train --config=configs/bmn/thumos14.py --workdir=runs/bmn_thumos14
Test: python -m i3d.evaluate --task=localization --subset=test \
    --checkpoint=runs/bmn_thumos14/step-00002000/model.weights.h5 \
    --features=data/thumos14/i3d_features --truth=data/thumos14/thumos14.json
Data: as for configs/actionformer/thumos14.py.
Differences: windows are drawn anywhere, where OpenTAD takes each window that overlaps the last by
    half, for 8 epochs; proposals may be as long as a window (128 rows), there half of it; losses
    are MMAction2's.
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known. Published with these differences, and classes by UntrimmedNet: mean
    average precision 51.70 over tIoU 0.3 to 0.7 on the test videos.
Source: sming256/OpenTAD, configs/bmn/thumos_i3d.py.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 2000 updates of 16 windows."""
    c = published.bmn(per_epoch=250, videos=16, epochs=8, milestone=5)
    c.data.records = "data/thumos14/i3d_features"
    c.data.train, c.data.validation = "validation", ""  # it is tested on the other videos
    c.segments.annotations = "data/thumos14/thumos14.json"
    c.segments.most_missing = 0.1
    c.segments.extractors = "rgb_imagenet,flow_imagenet"
    c.segments.longest, c.segments.least_left = 128, 0.9
    c.optimizer.learning_rate = 1e-4
    c.optimizer.clip_norm = 1.0
    return c
