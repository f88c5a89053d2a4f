"""Combined exits: every exit answers with what the exits before it said as well. It costs nothing at run time."""

from __future__ import annotations

from eenet.errors import UserError
from eenet.extras import extra
from eenet.predictions import Combiner, Predictions
from eenet.tasks.classification import ClassPredictions


def fit_combiner(predictions: Predictions) -> Combiner:
    """Fits ``z_k = sum_{j <= k} w_kj log p_j + b_k`` by cross-entropy, each exit by itself.

    Starts at the exits as they are and is drawn back to them (ridge penalty), so that a few hundred samples do no
    harm. Convex; L-BFGS.

    Args:
        predictions: of the fit set.

    Returns:
        Weights float32 ``(K, K)``, zero above the diagonal, and biases float32 ``(K, C)``.

    Raises:
        UserError: exits do not answer with classes, or PyTorch is not installed.
    """
    classes = _of_classes(predictions)
    with extra("export"):
        from eenet.policies.combiner_training import mixing_combiner
    return mixing_combiner(classes)


def fit_temperatures(predictions: Predictions) -> Combiner:
    """A temperature per exit by cross-entropy, as a combiner without mixing (Guo et al., 2017): answers stay the same.

    Args:
        predictions: of the fit set.

    Returns:
        Weights float32 ``(K, K)``, the inverse temperatures on the diagonal, and biases of 0.

    Raises:
        UserError: exits do not answer with classes, or PyTorch is not installed.
    """
    classes = _of_classes(predictions)
    with extra("export"):
        from eenet.policies.combiner_training import temperature_combiner
    return temperature_combiner(classes)


def _of_classes(predictions: Predictions) -> ClassPredictions:
    if not isinstance(predictions, ClassPredictions):
        raise UserError(f"combine: there is no combiner for {predictions.task}, expected none")
    return predictions
