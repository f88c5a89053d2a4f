"""Training of multi-exit networks."""

from eenet.training.losses import MultiExitLoss
from eenet.training.trainer import Trainer, TrainingConfig, predict

__all__ = ["MultiExitLoss", "Trainer", "TrainingConfig", "predict"]
