"""ActionFormer on ActivityNet 1.3 with two-stream I3D features, nearly as published.

It finds segments of one class, "action"; the classes of a video come from a classifier.

Command: python -m i3d.train --config=configs/actionformer/activitynet.py --workdir=runs/anet
Test: python -m i3d.evaluate --task=localization --subset=validation --thresholds=activitynet \
    --checkpoint=runs/anet/best.weights.h5 --features=data/activitynet/i3d_features \
    --truth=data/activitynet/anet1.3_i3d_filtered.json --found_out=found.json
    (best.weights.h5 holds the averaged weights of the last step.)
Data: the json and i3d_features (v_*.npy, [T, 2048]) of ActionFormer's release; or features of one's
    own, by python -m i3d.extract_features --preset=activitynet_i3d
Differences: the network attends to 7 rows at its last level too, where the published one attends to
    all, and has no encoding of positions.
Hardware: one GPU of 8 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known. Published with the two differences, and classes by CUHK's classifier:
    mean average precision 36.03 over tIoU 0.5 to 0.95.
Source: happyharrycn/actionformer_release, configs/anet_i3d.yaml.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 15 epochs of 625 updates of 16 videos."""
    per_epoch = published.ACTIVITYNET_VIDEOS // 16
    c = published.actionformer(per_epoch, videos=16, epochs=15)
    c.label_smoothing = 0.1
    c.data.records = "data/activitynet/i3d_features"
    c.data.train, c.data.validation = "training", ""  # its validation is what it is tested on
    c.segments.annotations = "data/activitynet/anet1.3_i3d_filtered.json"
    c.segments.most_missing = 0.1  # videos go offline all the time
    c.segments.one_class = True
    c.segments.stride, c.segments.fps = 16, 25.0
    c.segments.rows = c.segments.longest = 192
    c.segments.extractors = "rgb_imagenet,flow_imagenet"
    c.segments.normalizer, c.segments.regression_weight = 200.0, 2.0
    c.segments.tiou = tuple(0.5 + 0.05 * number for number in range(10))
    c.model.name, c.model.width = "actionformer_w7", 0.5
    c.optimizer.learning_rate = 1e-3
    return c
