"""ActionFormer on THUMOS14 with two-stream I3D features, as published.

Command: python -m i3d.train --config=configs/actionformer/thumos14.py --workdir=runs/thumos14
Test as published: python -m i3d.evaluate --task=localization --subset=test \
    --protocol=actionformer --checkpoint=runs/thumos14/best.weights.h5 \
    --features=data/thumos14/i3d_features --truth=data/thumos14/thumos14.json
    (best.weights.h5 holds the averaged weights of the last step.)
Data: thumos14.json and i3d_features (.npy, [T, 2048]) of ActionFormer's release; or features of
    one's own, by python -m i3d.extract_features --preset=thumos_i3d
TemporalMaxer (68.33, as OpenTAD published it; trained by it for 50 of 65 epochs):
    --config.model.name=temporalmaxer --config.model.dropout=0.2 --config.steps=6500
Hardware: one GPU of 8 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: mean average precision 66.83 over tIoU 0.3 to 0.7 on the test videos, as published.
Source: happyharrycn/actionformer_release, configs/thumos_i3d.yaml.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 35 epochs of 100 updates of two videos."""
    c = published.actionformer(per_epoch=published.THUMOS14_VIDEOS // 2, videos=2)
    c.data.records = "data/thumos14/i3d_features"
    c.data.train, c.data.validation = "validation", ""  # it is tested on the other videos
    c.segments.annotations = "data/thumos14/thumos14.json"
    c.segments.most_missing = 0.1
    c.segments.extractors = "rgb_imagenet,flow_imagenet"
    return c
