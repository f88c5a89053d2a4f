"""Exit policies that use each part of the decision core."""

from __future__ import annotations

import numpy as np

import eenet_rt
from eenet.policies.registry import policies_for
from eenet.tasks.registry import load_predictions
from eenet.zoo import zoo_folder

PARTS = ["linear", "hidden", "clamped", "combined", "one exit disabled"]


def random_policy(part: str, logits: np.ndarray) -> eenet_rt.ExitPolicy:
    """A policy that uses a part of the decision core; about half of the samples may leave at each exit."""
    random = np.random.default_rng(0)
    exits, classes = logits.shape[1:]
    num_features = [eenet_rt.num_features(classes)] * exits

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    scorers = []
    for k in range(exits - 1):
        inputs = num_features[k] + k
        hidden = (normal(8, inputs), normal(8), normal(1, 8), normal(1))
        scorers.append(hidden if part == "hidden" else (normal(1, inputs), np.full(1, 0.5, np.float32)))
    mixing = np.tril(np.abs(normal(exits, exits)) + np.eye(exits, dtype=np.float32)).astype(np.float32)
    options = {
        "combiner": (mixing, normal(exits, classes)) if part == "combined" else None,
        "clamp": part == "clamped",
    }
    everyone_stays = np.full(exits, 1e9)
    if part == "one exit disabled":
        everyone_stays[0] = np.inf
    scores = eenet_rt.scores(logits, eenet_rt.ExitPolicy(num_features, scorers, everyone_stays, **options))
    thresholds = np.median(scores, axis=0).astype(np.float64)
    if part == "one exit disabled":
        thresholds[0] = np.inf
    return eenet_rt.ExitPolicy(num_features, scorers, thresholds, **options)


CLASS_POLICIES = policies_for(load_predictions(zoo_folder("resnet56") / "validation.npz"))
