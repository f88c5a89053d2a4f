"""Every policy keeps the contract of scikit-learn's estimators: its `clone` would work, and no fit is remembered."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace

import numpy as np
import pytest

import eenet.policies
from eenet.errors import UserError
from eenet.policies import POLICIES, Combiner, EENetScheduler, Scheduler, correction, create_scheduler
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.zoo import zoo_folder
from support.policies import CLASS_POLICIES

COSTS = [0.83, 1.69, 2.46]
COMBINER: Combiner = np.eye(3, dtype=np.float32), np.zeros((3, 10), np.float32)

every_policy = pytest.mark.parametrize("policy", POLICIES)
policies_of_classes = pytest.mark.parametrize("policy", CLASS_POLICIES)


@pytest.fixture(scope="module")
def sets() -> tuple[ClassPredictions, ClassPredictions]:
    """Two small sets to fit and to calibrate on."""
    predictions = load_predictions(zoo_folder("resnet56") / "validation.npz")
    assert isinstance(predictions, ClassPredictions)
    return predictions[:300], predictions[300:600]


def quick(policy: str) -> Scheduler:
    scheduler = create_scheduler(policy)
    return scheduler.set_params(restarts=1, steps=10) if isinstance(scheduler, EENetScheduler) else scheduler


@every_policy
def test_settings_are_stored_as_they_come(policy: str) -> None:
    kind = type(create_scheduler(policy))
    given = {name: object() for name in inspect.signature(kind).parameters}
    scheduler = kind(**given)
    assert scheduler.get_params() == given
    assert vars(scheduler) == given, "there is nothing but them before a fit"


@policies_of_classes
def test_a_clone_is_equal_and_unfitted(policy: str, sets: tuple[ClassPredictions, ClassPredictions]) -> None:
    original = quick(policy).set_params(combiner=COMBINER)
    before = original.get_params()
    assert original.fit(*sets, COSTS, 1.5) is original
    assert original.get_params(deep=False) == before, "a fit changes no setting"
    clone = type(original)(**{name: copy.deepcopy(value) for name, value in before.items() if name != "combiner"})
    assert clone.set_params(combiner=COMBINER) is clone
    assert (clone.policy, clone.get_params()) == (policy, before)
    assert not hasattr(clone, "exit_policy_")
    assert {name for name in vars(original).keys() - before if not name.startswith("_")} >= {"exit_policy_", "margin_"}
    assert all(name.startswith("_") or name.endswith("_") for name in vars(original).keys() - before)


@every_policy
def test_names_follow_from_settings(policy: str) -> None:
    scheduler = create_scheduler(policy)
    assert scheduler.policy == policy
    assert "policy" not in vars(scheduler)
    with pytest.raises(UserError, match="colour"):
        scheduler.set_params(colour=1)


@every_policy
def test_a_repr_makes_it_again(policy: str) -> None:
    scheduler = create_scheduler(policy)
    again = eval(repr(scheduler), {**vars(eenet.policies), **vars(correction)})
    assert type(again) is type(scheduler)
    assert again.get_params() == scheduler.get_params()
    assert repr(scheduler.set_params(combiner=COMBINER)).endswith("combiner=...)")


def test_a_repr_says_what_is_not_default() -> None:
    assert repr(create_scheduler("maximum")) == "MaximumScheduler()"
    assert repr(create_scheduler("maximum-tuned")) == "MaximumScheduler(tune_shares=True)"
    assert repr(create_scheduler("eenet-fixed-scores", seed=3)) == "EENetScheduler(learn_scores=False, seed=3)"


@policies_of_classes
def test_nothing_is_remembered_of_an_earlier_fit(policy: str, sets: tuple[ClassPredictions, ClassPredictions]) -> None:
    """Not even where the very arrays hold other numbers by now."""
    fit_set, calibration_set = (replace(each, logits=each.logits.copy()) for each in sets)
    scheduler = quick(policy).fit(fit_set, calibration_set, COSTS, 1.5)
    for each in (fit_set, calibration_set):
        each.logits[:] = np.roll(each.logits, 1, axis=0) / 2
        each.labels[:] = np.roll(each.labels, 1)
    again = scheduler.fit(fit_set, calibration_set, COSTS, 1.5)
    fresh = quick(policy).fit(fit_set, calibration_set, COSTS, 1.5)
    assert again.thresholds_.tolist() == fresh.thresholds_.tolist()
    for ours, others in zip(again.exit_policy_.scorers, fresh.exit_policy_.scorers, strict=True):
        assert all(map(np.array_equal, ours, others))
