"""Networks in memory: loaded when first asked for, put together, and with maps of activation.

    loaded = Loaded({"demo_rgb": card}, "float32", batch_size=None)
    predictor = loaded.predictor(["demo_rgb"], labels=())
    net, cam = loaded.cams(["demo_rgb"], predictor)[0]

One thread at a time may call them.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from i3d.inference import options
from i3d.runtime.command import UserError
from i3d.visual.activation import GradCam
from i3d.weights.cards import Card

if TYPE_CHECKING:
    from i3d.inference.network import Network
    from i3d.inference.predictor import Predictor


class Loaded:
    """Predictors of networks by their names."""

    def __init__(self, cards: Mapping[str, Card], precision: str, batch_size: int | None):
        """Keeps its arguments; nothing is loaded.

        Args:
          cards: {name: Card}.
          precision: as for `i3d.load`.
          batch_size: views at a time; None: by their size.
        """
        self._cards, self._precision, self._batch_size = cards, precision, batch_size
        self._alone: dict[str, Predictor] = {}
        self._cams: dict[str, tuple[Network, GradCam]] = {}

    def predictor(self, names: Sequence[str], labels: Sequence[str]) -> "Predictor":
        """Returns the Predictor of networks, whose logits are added.

        Args:
          names: of the networks.
          labels: classes of those with a text tower; (): the class names of the others, or of
            their training.

        Raises:
          UserError: a file cannot be used, or the networks do not go together.
        """
        from i3d.inference.predictor import Predictor

        size = self._size(names)
        found = [self._one(name) for name in names]
        classes = tuple(labels) or next((one.class_names for one in found if one.class_names), ())
        found = [_with_classes(one, classes, keep=not labels) for one in found]
        if len({(one.class_names, one.spec.activation) for one in found}) > 1:
            raise UserError(f"{', '.join(names)}: have other classes and cannot be added")
        networks = [net for one in found for net in one.networks]
        return Predictor(networks, found[0].class_names, size)

    def cams(self, names: Sequence[str], predictor: "Predictor") -> list[tuple["Network", GradCam]]:
        """Returns (Network, its GradCam) of each network of a Predictor.

        A GradCam is made once, as Keras keeps what is built on a model; for other labels the head
        of its Network is replaced.

        Args:
          names: as `predictor` was given them.
          predictor: what it returned.
        """
        for name, net in zip(names, predictor.networks, strict=True):
            if name not in self._cams:
                own = net.with_head(net.head) if net.tower else net
                self._cams[name] = own, GradCam(own)
            self._cams[name][0].head = net.head
        return [self._cams[name] for name in names]

    def _size(self, names):
        return self._batch_size or options.views_at_once([self._cards[name] for name in names])

    def _one(self, name):
        """Returns the Predictor of one network."""
        from i3d.inference import load

        if name not in self._alone:
            size = self._size([name])
            self._alone[name] = load.of_cards([self._cards[name]], None, self._precision, size)
        return self._alone[name]


def _with_classes(one, classes, keep):
    """Returns the Predictor of a network, with the classes as its text if it has a text tower.

    Args:
      one: Predictor of one network.
      classes: names.
      keep: whether text features may be written to the disk, which those of visitors are not.
    """
    (net,) = one.networks
    if net.tower is None or one.class_names == classes:
        return one
    if classes == tuple(map(str, range(len(classes)))):
        raise UserError("the classes of the other network have no names; give labels as text")
    net.tower.on_disk = keep
    return one.of_text(classes)
