"""``--model``, as the commands that make or take networks have it."""

from __future__ import annotations

import argparse

from eenet.models import list_models


def add_model(parser: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Adds the option, which `eenet.models.create_model` takes."""
    parser.add_argument(
        "--model",
        required=required,
        help=f"one of {', '.join(list_models())}; or a builder of yours, package.module:builder or file.py:builder, "
        "which returns the multi-exit network: its code is run, so name none that you do not trust",
    )
