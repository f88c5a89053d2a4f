"""The whole way from a checkpoint to a verified bundle."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eenet.bundles import write_bundle
from eenet.checkpoint import Checkpoint
from eenet.costs import CostProfile
from eenet.errors import UserError
from eenet.predictions import Predictions
from eenet.workflows.profile import ProfileOptions
from eenet_export.assemble import Comparison, Parts, Say, assemble, check_before, check_budgets, measure_bundle
from eenet_export.content import bundle_content, whole_content
from eenet_export.costs import flops_profile, parameters_profile
from eenet_export.options import ExportOptions, ExportResult
from eenet_export.samples import Samples, example_of, network_inputs
from eenet_export.shapes import thinned
from eenet_export.verify import verify_outputs


def export_bundle(
    checkpoint: Checkpoint,
    validation: Predictions,
    samples: Samples,
    out: Path,
    options: ExportOptions,
    say: Say,
) -> ExportResult:
    """Writes a bundle: complete and verified, or not at all.

    Args:
        checkpoint: the trained network.
        validation: its predictions on samples that it was not trained on; one half fits, the other calibrates.
        samples: real ones, for measuring and verifying, as `eenet_export.samples.network_inputs` takes them.
        out: the folder ``NAME.eenet``; an existing bundle is replaced at the very end.
        options: what to export.
        say: takes one line for each step.

    Raises:
        UserError: predictions of another network, slices that it has not, a segment that cannot be exported, infeasible
            budgets, failed verification.
    """
    network = checkpoint.network.eval()
    shape = network.num_exits, network.num_classes
    if validation.task != network.task:
        raise UserError(f"predictions: are of {validation.task}, {checkpoint.model} is a network of {network.task}")
    halves = check_before(validation, shape, (checkpoint.model, checkpoint.id), out, options)
    inputs = network_inputs(checkpoint, samples)
    counted = [flops_profile(network, example_of(network, inputs)), parameters_profile(network)]
    check_budgets(counted, halves, options)

    def compare(bundle: Path) -> Comparison:
        outputs, errors = verify_outputs(bundle, network, inputs, options.profile)
        if network.symbols:
            _, others = verify_outputs(bundle, network, thinned(network, inputs), options.profile)
            errors = [max(pair) for pair in zip(errors, others, strict=True)]
        return Comparison(validation.outputs_of(outputs), "PyTorch", errors)

    parts = Parts(
        bundle_content(checkpoint, inputs, say, validation.settings()),
        whole_content(checkpoint, inputs, early_exits=False) if network.standalone else None,
        counted,
        compare,
    )
    return assemble(parts, halves, inputs, out, options, say)


def measure_costs(checkpoint: Checkpoint, samples: Samples, options: ProfileOptions | None = None) -> CostProfile:
    """Costs of the exits of a network on this machine, by the runtime itself, on real samples."""
    inputs = network_inputs(checkpoint, samples)
    content = bundle_content(checkpoint, inputs, lambda line: None)
    whole = whole_content(checkpoint, inputs, early_exits=False) if checkpoint.network.standalone else None
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "exits.eenet"
        write_bundle(bundle, content)
        return measure_bundle(bundle, content.task, whole, inputs, ExportOptions(profile=options or ProfileOptions()))
