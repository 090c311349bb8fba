"""Models of training configurations on records of short side 48 at 25 frames per second."""

from i3d.spec import of_settings
from i3d.training import config
from i3d.training import model as training_model


def spec_of(settings):
    """Returns the InputSpec of settings on the records here."""
    return of_settings(config.flat(settings), short_side=48, fps=25.0)


def build(settings, num_classes):
    """Returns the model of settings on the records here."""
    return training_model.build(settings, spec_of(settings), num_classes)


def start(settings, model):
    """Puts the first weights of settings into a model; returns the line that says which."""
    return training_model.start(settings, spec_of(settings), model)
