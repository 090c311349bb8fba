"""What a model takes: videos, people in boxes of a video, or rows of features.

taken_by("bmn")                            # "features"
check("my.pth", "bmn", takes="videos")     # UserError: one line that names the right command
"""

from i3d.runtime.command import UserError
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.localization_zoo import SPECS, takes_features


def taken_by(model: str | None) -> str:
    """Returns "videos", "boxes" or "features", by the name of a model in the catalogue."""
    if takes_boxes(model):
        return "boxes"
    return "features" if takes_features(model) else "videos"


def check(checkpoint: str, model: str, takes: str) -> None:
    """Raises UserError where a model takes something else.

    Args:
      checkpoint: begins the line.
      model: name in the catalogue.
      takes: "videos", "boxes" or "features": what is there for it.
    """
    found = taken_by(model)
    if found == takes:
        return
    if takes == "boxes":
        raise UserError(
            f"{checkpoint}: expected a model that takes boxes, whose name begins with ava_, got "
            f"{model}; python -m i3d.predict labels whole videos"
        )
    if takes == "features":
        raise UserError(
            f"{checkpoint}: expected a localizer, of {', '.join(SPECS)}, got {model}, which "
            "labels videos; python -m i3d.localize takes it too: give it as --classifier"
        )
    if found == "boxes":
        raise UserError(
            f"{checkpoint}: {model} scores the actions of people in boxes, not videos; use "
            "python -m i3d.detect, or python -m i3d.evaluate --task=ava"
        )
    raise UserError(
        f"{checkpoint}: {model} finds when actions happen, from rows of features, and takes no "
        "videos here; use python -m i3d.localize, or i3d.evaluate --task=localization"
    )
