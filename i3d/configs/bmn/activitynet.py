"""BMN on ActivityNet 1.3 with CUHK's TSN features (100 rows of 400 class scores), as MMAction2.

It finds proposals, segments without a class; the classes of a video come from a classifier.

Command: python -m i3d.train --config=configs/bmn/activitynet.py --workdir=runs/bmn
Test as published: python -m i3d.evaluate --task=localization --subset=validation \
    --protocol=mmaction2 --thresholds=activitynet \
    --checkpoint=runs/bmn/step-00005625/model.weights.h5 \
    --features=data/activitynet/csv_mean_100 --truth=data/activitynet/activity_net.v1-3.min.json
Data: CUHK's features (v_*.csv), or one's own by
    python -m i3d.extract_features --preset=cuhk_tsn
Hardware: one GPU of 8 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: area under AR@AN 67.25, AR@100 75.29 on the validation, as published.
Source: MMAction2, configs/localization/bmn, bmn_2xb8-400x100-9e_activitynet-feature.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 9 epochs of 625 updates of 16 videos."""
    c = published.bmn(published.ACTIVITYNET_VIDEOS // 16, videos=16)
    c.data.records = "data/activitynet/csv_mean_100"
    c.data.train, c.data.validation = "training", ""  # its validation is what it is tested on
    c.segments.annotations = "data/activitynet/activity_net.v1-3.min.json"
    c.segments.most_missing = 0.1  # videos go offline all the time
    c.segments.channels, c.segments.stride = 400, 16
    c.segments.rows = c.segments.longest = 100
    return c
