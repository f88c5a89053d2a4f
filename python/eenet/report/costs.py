"""Parameters and latency to each exit, the scheduler's part by itself (the paper's Table 3)."""

from __future__ import annotations

import time

import numpy as np

import eenet_rt
from eenet.policies.calibration import Floats
from eenet.report.inputs import Inputs
from eenet.report.page import Section, Table
from eenet.text import number

_REPEATS = 7
_MOST_SAMPLES = 2000
_NEVER = 1e30  # finite, so that the exit scores, and above every score


def cost_section(inputs: Inputs) -> Section:
    """The table, and what it says."""
    scheduler_us = decision_core_us(inputs)
    parameters = scheduler_parameters(inputs)
    rows = []
    for k, cost in enumerate(inputs.costs):
        rows.append(
            (f"exit {k}", f"{inputs.bundle.parameters[k]:,}", f"+ {parameters[k]:,}",
             f"{number(cost, 4)} {inputs.unit}", f"{scheduler_us[k]:.2f} µs")
        )  # fmt: skip
    if inputs.static_cost is not None:
        rows.append(("no exits", "-", "-", f"{number(inputs.static_cost, 4)} {inputs.unit}", "-"))
    network = inputs.bundle.parameters[-1]  # none where all its weights are whole numbers
    share = f", {number(100 * parameters[-1] / network, 2)} % of the network's parameters" if network else ""
    caption = (
        f"Costs of the table include heads and scoring. The scheduler holds {parameters[-1]:,} numbers{share}; its "
        f"decisions up to the last exit take {scheduler_us[-1]:.2f} µs a sample"
    )
    if inputs.unit == "ms":
        caption += f", {100 * scheduler_us[-1] / (1000 * inputs.costs[-1]):.2g} % of full depth"
    return Section(
        "costs",
        "What the exits cost",
        f"The scheduler's time is that of the runtime's own decision core on the logged {inputs.terms.outputs}, "
        f"measured while this report was made on {eenet_rt.device_name()}; its caches are warmer there than between "
        "segments of a network.",
        tables=[
            Table(
                "Parameters and latency to each exit" if inputs.unit == "ms" else "Parameters and cost to each exit",
                ("exit", "parameters", "scheduler's", "cost", "scheduler's time"),
                rows,
                caption + ".",
            )
        ],
    )


def scheduler_parameters(inputs: Inputs) -> list[int]:
    """Numbers of scorers and combiner that a sample has met up to each exit."""
    scorers = [sum(tensor.size for tensor in scorer) for scorer in inputs.policy.scorers]
    biases = 0 if inputs.policy.combiner is None else inputs.policy.combiner[1].shape[1]
    combiner = [k + 1 + biases if biases else 0 for k in range(inputs.policy.num_exits)]
    return [int(n) for n in np.cumsum(np.array([*scorers, 0]) + combiner)]


def decision_core_us(inputs: Inputs) -> Floats:
    """Microseconds that the decision core takes for a sample that leaves at each exit: median of a few runs."""
    outputs = inputs.report[:_MOST_SAMPLES].outputs
    exits = len(inputs.costs)
    policies = []
    for k in range(exits):
        thresholds = np.full(exits, _NEVER)
        thresholds[k] = -np.inf
        policies.append(inputs.policy.with_thresholds(thresholds.tolist()))
    times = np.zeros((_REPEATS, exits))
    for run in times:
        for k, policy in enumerate(policies):
            started = time.perf_counter()
            eenet_rt.replay(outputs, policy)
            run[k] = time.perf_counter() - started
    median: Floats = np.median(times, axis=0) / min(_MOST_SAMPLES, len(inputs.report)) * 1e6
    return median
