"""The contents of features.json, from which tensorflow_datasets reads records.

of_videos(num_classes=101, with_flow=True, multi_label=False)   # as schema.serialised
of_key_frames()                                                 # as keyframe_schema.serialised
"""

from typing import Any


def of_videos(num_classes: int, with_flow: bool, multi_label: bool) -> dict[str, Any]:
    """Returns the features of records of videos."""
    count = {"numClasses": str(num_classes)}
    label = _feature("class_label_feature.ClassLabel", classLabel=count)
    features = {
        "id": _text(),
        **({"labels": _sequence(label)} if multi_label else {"label": label}),
        "fps": _numbers("float32"),
        "start_s": _numbers("float32"),
        "source_height": _numbers("int64"),
        "source_width": _numbers("int64"),
        "frames": _pictures(3),
    }
    if with_flow:
        features["flow"] = _pictures(1)
    return _dictionary(features)


def of_key_frames() -> dict[str, Any]:
    """Returns the features of records of key frames."""
    return _dictionary(
        {
            "id": _text(),
            "video": _text(),
            "second": _numbers("float32"),
            "fps": _numbers("float32"),
            "source_height": _numbers("int64"),
            "source_width": _numbers("int64"),
            "centre": _numbers("int64"),
            "frames": _pictures(3),
            "boxes": _numbers("float32", -1, 4),
            "action_counts": _numbers("int64", -1),
            "actions": _numbers("int64", -1),
            "people": _numbers("int64", -1),
            "proposals": _numbers("float32", -1, 5),
        }
    )


def _feature(kind, **own):
    return {"pythonClassName": f"tensorflow_datasets.core.features.{kind}", **own}


def _dictionary(features):
    return _feature("features_dict.FeaturesDict", featuresDict={"features": features})


def _text():
    return _feature("text_feature.Text", text={})


def _numbers(dtype, *sides):
    shape = {"dimensions": [str(side) for side in sides]} if sides else {}
    tensor = {"dtype": dtype, "encoding": "none", "shape": shape}
    return _feature("tensor_feature.Tensor", tensor=tensor)


def _sequence(feature):
    return _feature("sequence_feature.Sequence", sequence={"feature": feature, "length": "-1"})


def _pictures(channels):
    image = {"dtype": "uint8", "encodingFormat": "jpeg"}
    image["shape"] = {"dimensions": ["-1", "-1", str(channels)]}
    return _sequence(_feature("image_feature.Image", image=image))
