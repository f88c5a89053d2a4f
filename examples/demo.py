"""Loads a bundle, classifies the sample images that ship with the package and says what early exits did for them.

Run: python examples/demo.py densenet121.eenet

Needs ``eenet_rt`` and numpy at run time; ``eenet`` only for the sample images and what the bundle's costs are worth.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

import eenet_rt
from eenet.bundles.bundle import Bundle
from eenet.costs import CostProfile
from eenet.data import load_images
from eenet.preprocessing import ImagePreprocessing
from eenet.workflows.profile import doubt
from eenet.zoo import zoo_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    bundle = parser.parse_args().bundle
    runtime = eenet_rt.load(bundle)
    samples = load_images(zoo_folder(runtime.model) / "samples.npz")
    inputs = ImagePreprocessing.from_json(runtime.preprocessing)(samples.images)

    for x in inputs[:20]:  # caches and clocks warm up
        runtime.infer(x, policy=None)
    early, full = [], []
    for x in inputs:  # in turn, so that both meet the same state of the machine
        early.append(runtime.infer(x))
        full.append(runtime.infer(x, policy=None))

    print_table(runtime, samples.labels, early, full)
    print_budget(runtime, early)
    print_doubt(bundle, runtime, full)


def print_table(
    runtime: eenet_rt.Runtime,
    labels: np.ndarray,
    early: list[eenet_rt.Result],
    full: list[eenet_rt.Result],
) -> None:
    exits = np.array([result.exit for result in early])
    right = np.array([result.label for result in early]) == labels
    latency = np.array([result.latency_ms for result in early])
    full_right = np.array([result.label for result in full]) == labels
    full_latency = float(np.mean([result.latency_ms for result in full]))

    print(f"{runtime.model}, {len(labels)} test images, {runtime.num_classes} classes, {runtime.threads} thread(s)\n")
    print(f"{'':22}{'share':>8}{'accuracy':>10}{'latency':>12}")
    for k in range(runtime.num_exits):
        here = exits == k
        accuracy = f"{100 * right[here].mean():8.1f} %" if here.any() else f"{'-':>10}"
        mean = f"{latency[here].mean():9.3f} ms" if here.any() else f"{'-':>12}"
        print(f"{f'exit {k}':22}{100 * here.mean():6.1f} %{accuracy}{mean}")
    print(f"{'early exits':22}{'100.0 %':>8}{100 * right.mean():8.1f} %{latency.mean():9.3f} ms")
    print(f"{'full depth':22}{'':8}{100 * full_right.mean():8.1f} %{full_latency:9.3f} ms")
    print(f"\nhere and now {full_latency / latency.mean():.2f} times as fast as full depth")


def print_budget(runtime: eenet_rt.Runtime, early: list[eenet_rt.Result]) -> None:
    """What the exits cost by the measurement at export, which budgets are in and the latencies above are not."""
    schedule, costs = runtime.schedule, runtime.costs
    if schedule is None or costs is None:
        print("no budget is in force")
        return
    spent = np.array(costs)[[result.exit for result in early]]
    half = 1.96 * spent.std(ddof=1) / math.sqrt(len(spent))
    low, high = spent.mean() - half, spent.mean() + half
    verdict = (
        "kept"
        if spent.mean() <= schedule.budget
        else "kept within the interval"
        if low <= schedule.budget
        else "missed"
    )
    print(
        f"by the costs that were measured at export, {costs[-1]:.3f} ms at full depth:\n"
        f"  budget {schedule.budget:.3f} ms a sample ({schedule.policy}): {verdict}; mean cost {spent.mean():.3f} ms, "
        f"95 % interval for {len(spent)} images {low:.3f} to {high:.3f} ms"
    )
    if runtime.static_cost is not None:
        share = runtime.static_cost / spent.mean()
        print(f"  network without exits {runtime.static_cost:.3f} ms: early exits are {share:.2f} times as fast")


def print_doubt(bundle: str, runtime: eenet_rt.Runtime, full: list[eenet_rt.Result]) -> None:
    """Where the costs of the bundle are not what is measured here: a line that says so, and how to measure anew."""
    files = Bundle.open(Path(bundle))
    here = CostProfile.of_this_device((), runtime.threads, files.precision, provider=runtime.provider)
    profile = here.found_in(files.profiles)
    reason = None if profile is None else doubt(profile, float(np.median([result.latency_ms for result in full])))
    if reason is not None:
        print(f"\n{reason}")


if __name__ == "__main__":
    main()
