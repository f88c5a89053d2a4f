"""Options of commands that fit policies: what their settings are."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from eenet.cli.option_types import number
from eenet.policies.eenet import EENetScheduler

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


def given_settings(arguments: argparse.Namespace) -> dict[str, float]:
    """Those that were given."""
    return {name: value for name in _SETTINGS if (value := getattr(arguments, name)) is not None}
