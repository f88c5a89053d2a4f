"""Options of commands that fit policies: their settings, and the classes that they are fitted for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from eenet.cli.option_types import number
from eenet.errors import ArgumentError, UserError
from eenet.policies.eenet import EENetScheduler
from eenet.predictions import P
from eenet.tasks.classification import ClassPredictions, of_classes
from eenet.weighting import UNIFORM

_SETTINGS: dict[str, tuple[Callable[[str], float], str]] = {
    "alpha_cost": (number("a number"), "weight of the budget when h plans exit shares"),
    "beta_h": (number("a number"), "the smaller, the more h plans for the exits with the highest scores"),
    "hidden_ratio": (number("a number"), "hidden width of h over its inputs"),
    "restarts": (int, "starts of h; the plan that is most accurate on the fit set counts"),
}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds the settings of policies that have any."""
    group = parser.add_argument_group("settings of the eenet policies")
    defaults = EENetScheduler().get_params()
    for name, (kind, what) in _SETTINGS.items():
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, type=kind, metavar="N", help=f"{what} (default: {defaults[name]:g})")


def add_class_prior(parser: argparse.ArgumentParser) -> None:
    """Adds the option that `weighted` reads."""
    parser.add_argument(
        "--class-prior", metavar="uniform|FILE",
        help="shares in which classes are to be met, where those of the validation predictions are others: uniform, "
        "or JSON of the share of each class by its name (default: samples count as they come)",
    )  # fmt: skip


def weighted(predictions: P, arguments: argparse.Namespace, path: Path) -> P:
    """The predictions that were read of a file, weighted to the prior that was given, if any.

    Raises:
        UserError: they are of no classes, or the prior is a file that cannot be read or holds other shares.
    """
    given: str | None = arguments.class_prior
    if given is None:
        return predictions
    if predictions.task != ClassPredictions.task:
        raise UserError(f"--class-prior: {path} has predictions of {predictions.task}, expected classification")
    classes = of_classes(predictions, str(path))
    prior = given if given == UNIFORM else _read_prior(given, classes.class_names)
    return cast(P, classes.with_class_prior(prior))


def _read_prior(given: str, class_names: Sequence[str]) -> list[float]:
    try:
        shares = json.loads(Path(given).read_bytes())
    except OSError as error:
        raise ArgumentError("class_prior", f"{given}: {error.strerror}; expected {UNIFORM} or a file") from error
    except (ValueError, RecursionError) as error:
        raise ArgumentError("class_prior", f"{given}: is no JSON: {error}") from error
    if not isinstance(shares, dict) or not all(type(share) in (int, float) for share in shares.values()):
        raise ArgumentError("class_prior", f'{given}: expected a share for each class name, as {{"cat": 0.3, ...}}')
    if shares.keys() != set(class_names):
        odd = sorted(shares.keys() ^ set(class_names))[0]
        what = "has none for" if odd in class_names else "has one for an unknown class"
        raise ArgumentError(
            "class_prior", f"{given}: expected a share for each of {len(class_names)} classes, {what} {odd!r}"
        )
    return [shares[name] for name in class_names]


def given_settings(arguments: argparse.Namespace) -> dict[str, float]:
    """Those that were given."""
    return {name: value for name in _SETTINGS if (value := getattr(arguments, name)) is not None}
