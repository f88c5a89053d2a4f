"""What samples cost that leave at known exits.

Costs are K numbers, what leaving at each exit costs whatever the sample, or ``(N, K)``, what it costs for each of N
samples, where the price of a sample depends on it, as on the length of a text. Rows that are all the same give what K
numbers give, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.weighting import Floats, exit_shares, weighted_mean

Costs = Sequence[float] | Floats

_LEAST_COST, _MOST_COST = 1e-12, 1e18  # beyond, policies overflow float32
_RISING = "expected positive numbers that rise from exit to exit"


@dataclass(frozen=True)
class Spending:
    """What samples cost.

    Attributes:
        shares: K shares of the samples by the exit that they left at.
        mean: cost per sample.
        variance: of the cost of one sample.
    """

    shares: Floats
    mean: float
    variance: float

    @property
    def deviation(self) -> float:
        """Of the cost of one sample."""
        return math.sqrt(self.variance)


def check_costs(costs: Costs, num_exits: int) -> Floats:
    """Costs that are the same for all samples, as an array.

    Raises:
        UserError: not K positive finite numbers that never decrease and rise from first to last.
    """
    array = np.asarray(costs, np.float64)
    if array.ndim > 1:
        raise UserError(
            f"costs: got shape {array.shape}, expected {num_exits} numbers, one an exit; those of each sample go with "
            "the predictions: predictions.with_costs(costs)"
        )
    if array.shape != (num_exits,):
        raise UserError(f"costs: got {array.size} numbers, expected {num_exits}, one an exit")
    if _odd_rows(array[None])[0]:
        raise UserError(f"costs: got {array.tolist()}, {_RISING}")
    if array[0] < _LEAST_COST or array[-1] > _MOST_COST:
        raise UserError(f"costs: got {array.tolist()}, {_of_size()}")
    return array


def check_sample_costs(costs: Floats, samples: int, num_exits: int) -> None:
    """Refuses costs of each sample that are none.

    Raises:
        UserError: not float64 ``(N, K)``, or a row that `check_costs` would refuse.
    """
    if costs.dtype != np.float64 or costs.shape != (samples, num_exits):
        raise UserError(
            f"costs: got {costs.dtype} of shape {costs.shape}, expected float64 ({samples}, {num_exits}), a row for "
            "each sample, a column for each exit"
        )
    odd = _odd_rows(costs)
    if odd.any():
        row = int(odd.argmax())
        raise UserError(f"costs: row {row} is {costs[row].tolist()}, {_RISING}")
    if costs[:, 0].min() < _LEAST_COST or costs[:, -1].max() > _MOST_COST:
        raise UserError(f"costs: got {costs[:, 0].min():g} to {costs[:, -1].max():g}, {_of_size()}")


def _odd_rows(costs: Floats) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # infinities, which are refused
        steps = np.diff(costs, axis=1)
    falling = (costs[:, 0] <= 0) | (steps < 0).any(axis=1) | (costs[:, -1] <= costs[:, 0])
    odd: NDArray[np.bool_] = falling | ~np.isfinite(costs).all(axis=1)
    return odd


def _of_size() -> str:
    return f"expected numbers from {_LEAST_COST:g} to {_MOST_COST:g}; choose another unit"


def mean_costs(costs: Floats, weights: Floats | None = None) -> Floats:
    """K costs of a sample on average.

    Args:
        costs: ``(K,)`` or ``(N, K)``.
        weights: of the samples, ``(N,)``; None: all weigh the same.
    """
    if costs.ndim == 1:
        return costs
    # From the first row on, so that rows that are all the same have a mean that is the same, too.
    means = costs[0] + weighted_mean(costs - costs[0], weights)
    rising: Floats = np.maximum.accumulate(means)  # which rounding may have changed
    return rising


def at_exits(costs: Floats, exits: NDArray[np.int64]) -> Floats:
    """What each sample costs, ``(N,)``, leaving at its exit.

    Args:
        costs: ``(K,)`` or ``(N, K)``.
        exits: ``(N,)``.
    """
    taken: Floats = costs[exits] if costs.ndim == 1 else costs[np.arange(len(exits)), exits]
    return taken


def spending(exits: NDArray[np.int64], costs: Floats, weights: Floats | None = None) -> Spending:
    """What samples cost that leave at these exits.

    Args:
        exits: int64 ``(N,)``.
        costs: ``(K,)`` or ``(N, K)``.
        weights: of the samples, ``(N,)``; None: all weigh the same.
    """
    table = mean_costs(costs, weights)
    shares = exit_shares(exits, len(table), weights)
    mean = float(shares @ table)
    if costs.ndim == 1:
        return Spending(shares, mean, max(0.0, float(shares @ (table - mean) ** 2)))
    # What they cost beside the table: nothing at all, to the bit, where rows are the same.
    own, tabled = at_exits(costs, exits), table[exits]
    mean += float(weighted_mean(own - tabled, weights))
    variance = float(shares @ (table - mean) ** 2) + float(
        weighted_mean((own - mean) ** 2 - (tabled - mean) ** 2, weights)
    )
    return Spending(shares, mean, max(0.0, variance))
