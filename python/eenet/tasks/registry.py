"""All tasks, by name, and how files are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eenet.errors import UserError
from eenet.files import open_npz
from eenet.predictions import Predictions
from eenet.tasks.classification import ClassPredictions, class_features
from eenet.tasks.classification_checks import CLASS_CHECKS
from eenet.tasks.regression import ValuePredictions, regression_features
from eenet.tasks.regression_checks import VALUE_CHECKS
from eenet.tasks.task import Task

TASKS: dict[str, Task[Any]] = {
    task.name: task
    for task in (
        Task(ClassPredictions, CLASS_CHECKS, {}, class_features),
        Task(ValuePredictions, VALUE_CHECKS, {"error_scale": 1.0}, regression_features),
    )
}


def task_named(name: str) -> Task[Any]:
    """The task of that name, as manifests have it.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise UserError(f"task {name!r} is not known; known are {', '.join(TASKS)}")
    return TASKS[name]


def task_of(predictions: Predictions) -> Task[Any]:
    """The task that predictions are of."""
    return TASKS[predictions.task]


def load_predictions(path: str | Path) -> Predictions:
    """Reads what `Predictions.save` wrote; its arrays say of which task it is.

    Raises:
        UserError: the file cannot be read or does not hold what it should.
    """
    with open_npz(path) as file:
        for task in TASKS.values():
            if set(task.predictions.needed) <= file.keys:
                predictions: Predictions = task.predictions.read(file)
                return predictions.with_costs(file["costs"]) if "costs" in file.keys else predictions
        wanted = "; or ".join(" and ".join(task.predictions.needed) for task in TASKS.values())
        raise UserError(f"has {sorted(file.keys)}, expected {wanted}")
