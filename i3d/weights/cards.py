"""Cards of checkpoints: model, input, classes, licence, source and published accuracy.

card = CARDS["rgb_imagenet"]
model = i3d.models.build(card.model, num_classes=card.num_classes, channels=card.spec.channels)
card.class_names()[0]                                  # 'abseiling'
card.spec.fps, card.spec.crop                          # 25.0, 224
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from i3d.data.feature_spec import FeatureSpec
from i3d.spec import WHOLE, InputSpec
from i3d.weights import arithmetic, parameters
from i3d.weights.files import FILES

# Of frames of Kinetics-400, which several projects normalise with: levels 0..255.
KINETICS: dict[str, Any] = {
    "mean": (110.2008, 100.63983, 95.99475),
    "std": (58.14765, 56.46975, 55.332195),
}


@dataclass(frozen=True, repr=False)
class Card:
    """One checkpoint: its model, input, classes, licence, source and published accuracy.

    Attributes:
      name: of the card; of a checkpoint without one, its path.
      file: the checkpoint as i3d.weights.load takes it, in the folder of checkpoints.
      model, width: name in the catalogue of models, and its multiplier of filter counts.
      spec: InputSpec of its published test; FeatureSpec of a localizer.
      num_classes: width of the head; 0: to be read from the file. Of CLIP, whose classes are
        texts: how many its published test has.
      labels: name of a class list in i3d/weights/labels, or the names themselves; "": unknown.
      data: on whose test or validation videos the accuracies were measured.
      top1, top5: percent as published, None where not.
      frame_map: mean average precision of boxes at IoU 0.5, percent as published, or None.
      temporal_map: of a localizer: mean average precision of segments, mean over the tIoUs that
        `data` names, percent as published, or None.
      auc: of proposals: area under the curve of average recall, percent as published, or None.
      longest: of a localizer: rows that shorter sequences are filled up to; 0: as few as it takes.
      licence, source: of the weights.
      integrity: "git-blob:..." or "sha256:..." (its beginning) of the file, "" where unknown.
      note: a caveat in one line, or "".
    """

    name: str
    file: str
    model: str
    spec: Any  # InputSpec, or FeatureSpec
    width: float = 1.0
    num_classes: int = 0
    labels: str | tuple[str, ...] = ""
    data: str = ""
    top1: float | None = None
    top5: float | None = None
    frame_map: float | None = None
    temporal_map: float | None = None
    auc: float | None = None
    longest: int = 0
    licence: str = ""
    source: str = ""
    integrity: str = ""
    note: str = ""

    def __repr__(self) -> str:
        """Returns the card in one line."""
        return f"<Card {self.name}: {self.described()}{self._facts()}>"

    @property
    def parameters(self) -> int | None:
        """The number of parameters, None where it is not known without building the model."""
        seen = getattr(self.spec, "stream", "") or str(self.spec.channels)
        return parameters.count(self.model, self.num_classes, seen, self.width)

    @property
    def view(self) -> arithmetic.View:
        """What the network sees at once."""
        return arithmetic.view_of(self.model, self.spec, self.width, self.longest)

    @property
    def gflop(self) -> float | None:
        """Billions of multiply-adds for a view, None where they were not counted."""
        return arithmetic.gflop(self.view)

    def score(self) -> str:
        """Returns the published accuracy as one phrase, "" where there is none."""
        if self.frame_map is not None:
            return f"{self.frame_map} % frame mAP on {self.data}"
        if self.temporal_map is not None:
            return f"{self.temporal_map} % average mAP on {self.data}"
        if self.auc is not None:
            return f"{self.auc} % AUC on {self.data}"
        if self.top1 is None:
            return ""
        percents = f"{self.top1}" + (f"/{self.top5}" if self.top5 is not None else "")
        return f"{percents} % top-1{'/top-5' if self.top5 is not None else ''} on {self.data}"

    def _facts(self) -> str:
        count = f"{self.parameters / 1e6:.1f} M parameters" if self.parameters else ""
        classes = f"{self.num_classes} classes" if self.num_classes else ""
        facts = filter(None, (classes, count, self.score(), self.licence))
        return "".join(f"; {fact}" for fact in facts)

    def class_names(self) -> tuple[str, ...]:
        """Returns the class names in the order of the logits, () where they are not known.

        Of models that take boxes, whose first logit is the background, name k - 1 is of logit k;
        "" is a class that is not reported.
        """
        if isinstance(self.labels, tuple):
            return self.labels
        return class_names(self.labels) if self.labels else ()

    def described(self) -> str:
        """Returns one line on the network and its views."""
        return f"{self.named()}: {self.spec.described()}"

    def named(self) -> str:
        """Returns a phrase on the network: its model, stream and file."""
        width = f" (width {self.width:g})" if self.width != 1 else ""
        stream = getattr(self.spec, "stream", "")
        model = f"{self.model}{width}{' ' if stream else ''}{stream}"
        return f"{model}, {self.file}"


@functools.cache
def class_names(labels: str) -> tuple[str, ...]:
    """Returns the class names of a list shipped in i3d/weights/labels, in label order."""
    file = resources.files("i3d.weights") / "labels" / f"{labels}.json"
    return tuple(json.loads(file.read_text(encoding="utf-8"))["classes"])


def _flow(stream: str) -> dict:
    return {"flow_method": "tvl1", "flow_bound_px": 20.0} if stream == "flow" else {}


def i3d_spec(stream: str) -> InputSpec:
    """Returns the InputSpec of the Inception I3D as published.

    Trained on 64 frames at 25 per second, tested on whole videos, centre crop. The paper's test
    videos have at most 250 frames; of longer ones, equal clips of at most 250 are averaged.

    Source: Carreira & Zisserman 2017 (arXiv:1705.07750), sections 2.5 and 3.
    """
    return InputSpec(
        stream=stream,
        frames=64,
        clips=WHOLE,
        longest=250,
        min_frames=9,
        fps=25.0,
        range=(-1.0, 1.0),
        average="logits",
        **_flow(stream),
    )


def _published(name: str, num_classes: int, top1: float | None, top5: float | None) -> Card:
    labels = f"kinetics{num_classes}"
    return Card(
        name=name,
        file=f"{name}/model.ckpt",
        model="inception_i3d",
        spec=i3d_spec(name.partition("_")[0]),
        num_classes=num_classes,
        labels=labels,
        data=f"{labels} test",
        top1=top1,
        top5=top5,
        licence="Apache-2.0",
        source="github.com/google-deepmind/kinetics-i3d",
        integrity=f"git-blob:{FILES[name][0].blob_id}",
    )


CARDS = {  # of DeepMind; accuracies: table 3 of its README
    card.name: card
    for card in (
        _published("rgb_imagenet", 400, 71.1, 89.3),
        _published("rgb_scratch", 400, 68.4, 88.0),
        _published("flow_imagenet", 400, 63.4, 84.9),
        _published("flow_scratch", 400, 61.5, 83.4),
        _published("rgb_scratch_kin600", 600, None, None),
    )
}


def _demo(stream: str, top1: float) -> Card:
    return Card(
        name=f"demo_{stream}",
        file=f"demo/{stream}.weights.h5",
        model="inception_i3d",
        width=0.25,
        spec=InputSpec(
            stream=stream,
            frames=16,
            stride=3,
            clips=WHOLE,
            longest=250,
            min_frames=9,
            fps=25.0,
            resize=96,
            crop=80,
            range=(-1.0, 1.0),
            average="logits",
            **_flow(stream),
        ),
        num_classes=13,
        labels="figures",
        data="260 synthetic test videos, 3 clips each",
        top1=top1,
        licence="Apache-2.0",
        source="configs/i3d/figures.py",
    )


_DETECTION = Card(
    name="demo_detection",
    file="demo/detection.weights.h5",
    model="ava_slowonly_r50_8x8x1",
    width=0.1,
    spec=InputSpec(
        frames=8,
        stride=8,
        clips=1,
        fps=30.0,
        resize=96,
        crop=0,
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        activation="sigmoid",
    ),
    num_classes=9,
    labels=("stand", "walk", "squat", "jumping jack", "kick", "wave", "clap", "drink"),
    data="60 drawn test scenes, boxes known",
    frame_map=96.1,
    licence="Apache-2.0",
    source="configs/ava/figures.py",
    note="the first of the 9 classes is the background",
)
_LOCALIZER = Card(
    name="demo_localizer",
    file="demo/localizer.weights.h5",
    model="actionformer_w7",
    width=0.125,
    spec=FeatureSpec(
        channels=512,
        window=48,
        stride=6,
        fps=25.0,
        extractors=("demo_rgb", "demo_flow"),
    ),
    num_classes=13,
    labels="figures",
    longest=192,
    data="drawn untrimmed test videos",
    licence="Apache-2.0",
    source="configs/actionformer/figures.py",
)
# Our own; commands and other seeds: checkpoints/README.md.
DEMO_CARDS = {
    card.name: card for card in (_demo("rgb", 88.5), _demo("flow", 87.3), _DETECTION, _LOCALIZER)
}
