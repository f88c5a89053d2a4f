"""What a schedule did on its calibration set, for a runtime to notice that its samples are others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.predictions import Predictions
from eenet.weighting import exit_shares, weighted_mean

BINS = 10


@dataclass(frozen=True, eq=False)
class Reference:
    """Distributions over the calibration set; see ``docs/spec/format.md``.

    Attributes:
        score_edges: borders of the bins of scores at each exit but the last, float32 ``(K-1, B-1)``.
        score_shares: of the samples that reached the exit, by bin, float64 ``(K-1, B)``.
        agreement: how far the last exit answers alike the samples leaving at each exit, float64 ``(K,)``, 0 to 1.
    """

    score_edges: NDArray[np.float32]
    score_shares: NDArray[np.float64]
    agreement: NDArray[np.float64]


def reference_of(policy: eenet_rt.ExitPolicy, predictions: Predictions) -> Reference:
    """Runs the policy over the predictions of the calibration set."""
    replayed = predictions.replay(policy)
    last, weights = predictions.num_exits - 1, predictions.weights
    edges = np.full((last, BINS - 1), np.inf, np.float32)
    shares = np.zeros((last, BINS))
    for k in range(last):
        reached = replayed.exits >= k
        scores = replayed.scores[reached, k]
        if np.isposinf(policy.thresholds[k]) or len(scores) == 0:
            continue
        found = score_edges(scores, BINS)
        edges[k, : len(found)] = found
        bins = np.searchsorted(edges[k], scores, side="right")
        shares[k] = exit_shares(bins, BINS, None if weights is None else weights[reached])
    alike = predictions.alike(replayed.answers, predictions.answers(policy.combiner)[:, last])
    agreement = np.ones(last + 1)
    for k in range(last):
        if (left := replayed.exits == k).any():
            # Sums of weights are rounded.
            agreement[k] = min(1.0, float(weighted_mean(alike[left], None if weights is None else weights[left])))
    return Reference(edges, shares, agreement)


def score_edges(scores: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """At most ``bins - 1`` borders between scores, which cut them into parts as equal as ties allow."""
    values, counts = np.unique(scores, return_counts=True)
    below = np.cumsum(counts)[:-1]
    if len(below) == 0:
        return np.zeros(0, np.float32)
    wanted = len(scores) * np.arange(1, bins) / bins
    cuts = np.unique(np.abs(below[:, None] - wanted).argmin(axis=0))
    # Half way between neighbours: on another machine, whose logits differ in the last bits, scores stay in their bin.
    middles: NDArray[np.float64] = (values[cuts].astype(np.float64) + values[cuts + 1]) / 2
    return middles.astype(np.float32)
