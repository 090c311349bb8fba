"""Scores the actions of people in boxes around one key frame.

scores = ActionScores(network.load_with_boxes(card))
scores(views, boxes)                    # uint8 [T, H, W, 3], [N, 4] -> float32 [N, K]
"""

import numpy as np
from keras import ops

from i3d.inference import compiled, engine
from i3d.inference.network import Network


class ActionScores:
    """The probabilities that a Network gives to each action of each person.

    Attributes:
      network: Network, as i3d.inference.network.load_with_boxes returns it.
    """

    def __init__(self, network: Network) -> None:
        """Keeps the network; it is compiled once, for pictures of any size and any boxes."""
        self.network = network
        frames, _, _, channels = network.spec.view_shape
        clips = (1, frames, None, None, channels), "uint8"
        boxes = (1, None, 4), "float32"
        step = compiled.of(network.model, {"views": clips, "boxes": boxes})
        self._logits = engine.of(network, step)

    def __call__(self, views: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Returns float32 [N, K] in [0, 1]; column k - 1 is of class id k.

        Args:
          views: uint8 [T, H, W, 3], RGB, the frames of the network's InputSpec.
          boxes: float [N, 4] of x1, y1, x2, y2 in [0, 1] of the picture; N may be 0.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        if not len(boxes):
            return np.zeros((0, self.network.num_classes - 1), np.float32)
        logits = self._logits({"views": views[None], "boxes": boxes[None]})
        return ops.convert_to_numpy(ops.sigmoid(logits[0, :, 1:]))
