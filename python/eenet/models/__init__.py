"""Multi-exit networks and their registry."""

from eenet.models import densenet as densenet
from eenet.models import resnet as resnet
from eenet.models import tabular as tabular
from eenet.models.boosted import BoostedNetwork
from eenet.models.network import ChainNetwork, MultiExitNetwork
from eenet.models.registry import ModelEntry, create_model, list_models, model_entry, register
from eenet.segments import SegmentSpec

__all__ = [
    "BoostedNetwork",
    "ChainNetwork",
    "ModelEntry",
    "MultiExitNetwork",
    "SegmentSpec",
    "create_model",
    "list_models",
    "model_entry",
    "register",
]
