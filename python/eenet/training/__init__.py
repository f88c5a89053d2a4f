"""Training of multi-exit networks."""

from eenet.training.config import SuitedSettings, TrainingConfig
from eenet.training.losses import MultiExitLoss
from eenet.training.samples import predict
from eenet.training.trainer import Trainer

__all__ = ["MultiExitLoss", "SuitedSettings", "Trainer", "TrainingConfig", "predict"]
