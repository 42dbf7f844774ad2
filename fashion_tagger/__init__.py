"""Train a tagger on photos of clothes with labels of any common shape, score it, and tag new photos with it."""

import warnings

# fastai 2.8 scripts an activation function when it is imported; its users can do nothing about it
warnings.filterwarnings("ignore", message="`torch.jit.script", category=FutureWarning)


def __getattr__(name):
    if name != "__version__": raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version
    return version(__name__)
