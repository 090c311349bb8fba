"""Cards of published checkpoints of localizers, and the FeatureSpec of their models.

card = CARDS["thumos_i3d_reproduce/epoch_034.pth.tar"]
card.model, card.temporal_map, card.data              # "actionformer", 66.83, "THUMOS14 test, ..."
SPECS["bmn"].rows                                     # 100

A localizer takes rows of features and finds when something happens. Only files whose name is
known are cards; their weights are not downloaded.

Sources: README of happyharrycn/actionformer_release (61ea7eb), configs/localization/bmn of
MMAction2 1.2.0.
"""

from i3d.data.feature_spec import FeatureSpec
from i3d.weights.cards import Card

_I3D = ("rgb_imagenet", "flow_imagenet")
SPECS = {  # of every name in i3d.models.actionformer.CONFIGS and bmn.CONFIGS
    "actionformer": FeatureSpec(2048, 16, 4, extractors=_I3D),
    "actionformer_w7": FeatureSpec(2048, 16, 16, fps=25.0, rows=192, extractors=_I3D),
    "temporalmaxer": FeatureSpec(2048, 16, 4, extractors=_I3D),
    "bmn": FeatureSpec(400, 16, 16, rows=100),  # scores of TSN for 200 classes, RGB and flow
}
# Rows that shorter sequences are filled up to, as published.
LONGEST = {"actionformer": 2304, "temporalmaxer": 2304}
THUMOS14 = (
    *("BaseballPitch", "BasketballDunk", "Billiards", "CleanAndJerk", "CliffDiving"),
    *("CricketBowling", "CricketShot", "Diving", "FrisbeeCatch", "GolfSwing", "HammerThrow"),
    *("HighJump", "JavelinThrow", "LongJump", "PoleVault", "Shotput", "SoccerPenalty"),
    *("TennisSwing", "ThrowDiscus", "VolleyballSpiking"),
)


def takes_features(model: str | None) -> bool:
    """Returns whether a model of this name takes rows of features, and no videos.

    Keras is not imported, unlike by i3d.models.
    """
    return model in SPECS


def gives_proposals(model: str | None) -> bool:
    """Returns whether the segments of a localizer have no classes."""
    return model == "bmn"


def _bmn(stem: str, spec: FeatureSpec, auc: float, recall: float) -> Card:
    return Card(
        name=stem,
        file=f"{stem}.pth",
        model="bmn",
        spec=spec,
        data="ActivityNet 1.3 validation",
        licence="Apache-2.0",
        source="github.com/open-mmlab/mmaction2",
        integrity=f"sha256:{stem.rpartition('-')[2]}",
        auc=auc,
        note=f"proposals without classes; AR@100 {recall}",
    )


CARDS = {
    card.file: card
    for card in (
        Card(
            name="thumos_i3d_reproduce/epoch_034",
            file="thumos_i3d_reproduce/epoch_034.pth.tar",
            model="actionformer",
            spec=SPECS["actionformer"],
            num_classes=20,
            labels=THUMOS14,
            data="THUMOS14 test, tIoU 0.3 to 0.7",
            temporal_map=66.83,
            longest=LONGEST["actionformer"],
            licence="MIT",
            source="github.com/happyharrycn/actionformer_release",
            note="average of weights; the features of record cannot be reproduced exactly",
        ),
        _bmn(
            "bmn_2xb8-400x100-9e_activitynet-feature_20220908-79f92857",
            SPECS["bmn"],
            67.25,
            75.29,
        ),
        _bmn(
            "bmn_2xb8-2048x100-9e_activitynet-slowonly-k700-feature_20230907-50b939b2",
            FeatureSpec(2048, 16, 16, rows=100),
            68.04,
            75.77,
        ),
    )
}
