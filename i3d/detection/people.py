"""Finds the people on a frame, by OpenCV's HOG detector or a TensorFlow SavedModel.

    find = Hog()                                     # or SavedModel("detector")
    boxes, scores = find(picture, second=1.0)        # float32 [N, 4] in [0, 1], float32 [N]

HOG is built into OpenCV, quick and weak: it looks for people who stand upright and are seen whole,
at least a fifth of the picture high, and misses those who bend, lie, sit or are cut off. On 14
frames of UT-Interaction with two people each it finds 19 of 28 (at an overlap of 0.3; 15 at 0.5)
and 2 boxes where nobody is. A SavedModel is code: load it only from someone whom you trust.
"""

import abc
import os

import cv2
import numpy as np

from i3d.detection import boxes as box_arithmetic
from i3d.runtime.command import UserError

PERSON = 1  # class of a person in the label maps of TensorFlow's detection models
_INPUT = "one input uint8 [1, H, W, 3]"
_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes")


HOG = "hog"  # name of the detector that is built in


class Detector(abc.ABC):
    """Finds people; scores are of the detector's own scale.

    Attributes:
      threshold: the least score, exclusive, of a person.
      seen: number of boxes since `begin`, before the threshold.
      best: the greatest of their scores.
    """

    default_threshold = 0.9
    scale = 0.0, 1.0  # of thresholds
    most_overlap = 0.5  # of two boxes that are two people
    most_inside = 1.0  # share of the smaller of them that lies inside the other

    def __init__(self, threshold: float | None = None):
        """Takes the least score of a person; None: the detector's default.

        Raises:
          UserError: as `check_threshold`.
        """
        self.check_threshold(threshold)
        self.threshold = self.default_threshold if threshold is None else threshold
        self.begin()

    @classmethod
    def check_threshold(cls, threshold: float | None) -> None:
        """Raises UserError where a threshold is not on the scale of the detector."""
        least, most = cls.scale
        if threshold is not None and not least <= threshold <= most:
            raise UserError(
                f"--det_score_thr: expected a number from {least:g} to {most:g}, got {threshold:g}"
            )

    def begin(self) -> None:
        """Begins a video: nothing has been seen of it."""
        self.seen, self.best = 0, -np.inf

    def missed(self) -> str:
        """Returns what was seen where nobody passed the threshold, "" where nothing was."""
        if not self.seen:
            return ""
        boxes = "1 box" if self.seen == 1 else f"{self.seen:,} boxes"
        return (
            f"{boxes} found, best score {self.best:.2f}, none above "
            f"--det_score_thr={self.threshold:g}"
        )

    def __call__(self, picture: np.ndarray, second: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns the people on a frame, by falling score; duplicates are left out.

        Args:
          picture: uint8 RGB [H, W, 3].
          second: of the frame.

        Returns:
          (boxes float32 [N, 4] x1, y1, x2, y2 in [0, 1] of the picture, scores float32 [N]).
        """
        boxes, scores = self.candidates(picture, second)
        boxes = np.clip(np.asarray(boxes, np.float32).reshape(-1, 4), 0, 1)
        scores = np.asarray(scores, np.float32).reshape(-1)
        real = np.isfinite(boxes).all(1) & np.isfinite(scores)
        real &= (boxes[:, :2] < boxes[:, 2:]).all(1)
        self.seen += int(real.sum())
        self.best = max(self.best, float(scores[real].max(initial=-np.inf)))
        kept = np.flatnonzero(real & (scores > self.threshold))
        kept = kept[box_arithmetic.suppressed(boxes[kept], scores[kept], self.most_overlap)]
        boxes, scores = boxes[kept], scores[kept]
        parts = np.tril(_inside(boxes) > self.most_inside, -1).any(1)  # of a better one
        return boxes[~parts], scores[~parts]

    @abc.abstractmethod
    def candidates(self, picture: np.ndarray, second: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes [N, 4] in [0, 1] and scores [N] before any threshold."""


def _inside(boxes):
    """Returns float32 [N, N]: the common area of two boxes in parts of the smaller one's."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.maximum(high - low, 0).prod(axis=2) / np.minimum(areas[:, None], areas[None])


class Hog(Detector):
    """OpenCV's people detector: histograms of oriented gradients and a linear SVM.

    Scores are margins of the SVM, from 0 to about 2, not probabilities.

    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
    """

    default_threshold = 0.2
    scale = -10.0, 10.0
    most_overlap, most_inside = 0.3, 0.6
    # Chosen by what was found on the frames named above; finer strides cost more and find no more.
    _SIDES = (240, 480)  # least and most pixels of the shorter side
    _LONGEST = 1280  # pixels of the longer one
    # Of the window, on each side: it was trained with room around people. With more of it left,
    # drawn figures are found at an overlap of 0.5 less often, and real people as often.
    _MARGIN = np.float32((0.12, 0.06))
    _SETTINGS = {"winStride": (8, 8), "padding": (16, 16), "scale": 1.03, "groupThreshold": 0}

    def __init__(self, threshold: float | None = None):
        """Takes the least margin; None: 0.2."""
        super().__init__(threshold)
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())

    def candidates(self, picture: np.ndarray, second: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes [N, 4] and margins [N]."""
        side = min(picture.shape[:2])
        scale = min(np.clip(side, *self._SIDES) / side, self._LONGEST / max(picture.shape[:2]))
        size = [max(1, round(n * scale)) for n in picture.shape[1::-1]]
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = cv2.cvtColor(cv2.resize(picture, size, interpolation=way), cv2.COLOR_RGB2BGR)
        width, height = self._hog.winSize  # a smaller picture ends the process
        below, beside = max(0, height - size[1]), max(0, width - size[0])
        image = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        least = min(0.0, self.threshold)
        found, margins = self._hog.detectMultiScale(image, hitThreshold=least, **self._SETTINGS)
        corner, extent = np.split(np.reshape(found, (-1, 4)).astype(np.float32), 2, axis=1)
        margin = extent * self._MARGIN
        boxes = np.concatenate([corner + margin, corner + extent - margin], axis=1)
        return boxes / np.float32(size * 2), np.reshape(margins, -1)


class SavedModel(Detector):
    """A TensorFlow SavedModel with the signature of TensorFlow's TF2 detection models.

    uint8 [1, H, W, 3] -> detection_boxes [1, N, 4] (ymin, xmin, ymax, xmax in [0, 1]),
    detection_scores [1, N], detection_classes [1, N], where 1 is a person.

    Attributes:
      others: number of boxes since `begin` that are of other classes.
    """

    def __init__(self, folder: str | os.PathLike, threshold: float | None = None):
        """Loads the folder of a SavedModel, which is code: it must come from someone trusted.

        Args:
          folder: with saved_model.pb.
          threshold: the least score; None: 0.9, as MMAction2's demo.

        Raises:
          UserError: it is not a SavedModel, or has another signature.
        """
        super().__init__(threshold)
        import tensorflow as tf

        self._name, self._constant = os.fspath(folder), tf.constant
        check_folder(folder)
        try:
            self._model = tf.saved_model.load(self._name)  # which owns the variables
        except (OSError, ValueError, KeyError, TypeError, AttributeError, tf.errors.OpError) as err:
            line = str(err).strip().partition("\n")[0]
            if "MetaGraph" in line:  # TensorFlow asks for an argument of its own
                line = "its saved_model.pb is damaged, or holds no model or several"
            raise UserError(
                f"{folder}: expected a TensorFlow SavedModel, got one that cannot be loaded: {line}"
            ) from err
        self._run = self._signature()

    def _signature(self):
        """Returns the function of a picture; UserError where there is none."""
        found = dict(self._model.signatures) if hasattr(self._model, "signatures") else {}
        run = found.get("serving_default")
        if run is None:
            self._refuse(f"signatures {', '.join(sorted(found)) or 'none'}")
        inputs = list(run.structured_input_signature[1].values())
        fits = len(inputs) == 1 and inputs[0].dtype.name == "uint8"
        if not fits or not inputs[0].shape.is_compatible_with((1, None, None, 3)):
            self._refuse(", ".join(f"{one.dtype.name} {one.shape}" for one in inputs) or "no input")
        outputs = run.structured_outputs
        if not isinstance(outputs, dict) or set(_OUTPUTS) - set(outputs):
            self._refuse(f"outputs {', '.join(sorted(outputs))}")
        self._input = next(iter(run.structured_input_signature[1]))
        self._size = tuple(inputs[0].shape[1:3]) if inputs[0].shape.rank else (None, None)
        return run

    def _refuse(self, got):
        raise UserError(
            f"{self._name}: expected a SavedModel with a signature serving_default of {_INPUT} "
            f"that gives {', '.join(_OUTPUTS)}, got {got}"
        )

    def candidates(self, picture: np.ndarray, second: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes [N, 4] and scores [N] of what the model takes for people."""
        height, width = (own or side for own, side in zip(self._size, picture.shape, strict=False))
        if (height, width) != picture.shape[:2]:  # of a model for one size; boxes are relative
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        given = self._run(**{self._input: self._constant(picture[None])})
        boxes, scores, classes = (np.asarray(given[name]) for name in _OUTPUTS)
        if boxes.shape != (1, scores.size, 4) or classes.size != scores.size:
            shapes = ", ".join(str(array.shape) for array in (boxes, scores, classes))
            self._refuse(f"arrays of {shapes}")
        boxes, scores = boxes[0][:, [1, 0, 3, 2]], scores.reshape(-1)
        people = classes.reshape(-1) == PERSON
        self.others += int((~people & (scores > 0)).sum())  # the rest fills the arrays up
        boxes, scores = boxes[people], scores[people]
        self._check_boxes(boxes, scores)
        return boxes, scores

    def _check_boxes(self, boxes, scores):
        """Raises UserError where the surest box is not one in [0, 1]."""
        known = np.flatnonzero(np.isfinite(boxes).all(1) & (scores > 0))
        surest = boxes[known[scores[known].argmax()]][None] if known.size else boxes[:0]
        if wrong := box_arithmetic.problem(surest, least_area=False):
            raise UserError(f"{self._name}: {wrong[1]}")

    def begin(self) -> None:
        """Begins a video: nothing has been seen of it."""
        super().begin()
        self.others = 0

    def missed(self) -> str:
        """Returns what was seen where nobody passed the threshold, "" where nothing was."""
        others = (
            f"the detector's {self.others:,} boxes are of other classes than {PERSON}, a person"
        )
        return super().missed() or (others if self.others else "")


def detector_class(name: str | None) -> type[Detector]:
    """Returns what --detector=NAME is: Hog (None is too), or SavedModel for a folder."""
    return Hog if name in (None, HOG) else SavedModel


def detector(name: str, threshold: float | None = None) -> Detector:
    """Returns the detector that --detector=NAME asks for.

    Args:
      name: "hog", or the folder of a SavedModel.
      threshold: the least score of a person; None: the detector's default.

    Raises:
      UserError: as SavedModel.
    """
    return Hog(threshold) if name == HOG else SavedModel(name, threshold)


def check_folder(folder: str | os.PathLike) -> None:
    """Raises UserError where a path is not the folder of a SavedModel; loads nothing."""
    if not any(
        os.path.isfile(os.path.join(folder, f"saved_model.{end}")) for end in ("pb", "pbtxt")
    ):
        what = "no saved_model.pb in it" if os.path.isdir(folder) else "no such folder"
        raise UserError(
            "--detector: expected hog or the folder of a TensorFlow SavedModel, got "
            f"{folder or repr(folder)}: {what}"
        )
