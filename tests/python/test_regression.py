"""Regression: predictions of values, the policies that suit them, training, and a bundle that answers with numbers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import eenet_rt
from eenet.bundles.bundle import Bundle
from eenet.checkpoint import load_checkpoint
from eenet.cli.predict import main as predict
from eenet.cli.train import main as train
from eenet.errors import UserError
from eenet.models import create_model
from eenet.policies import create_scheduler, fit_combiner
from eenet.policies.grid import fit_schedules
from eenet.policies.registry import policies_for
from eenet.prediction_checks import check_apart, check_predictions, check_validation
from eenet.tasks.registry import load_predictions
from eenet.tasks.regression import ValuePredictions, error_scale_of
from eenet.workflows.evaluate import evaluate, evaluate_best_exit, evaluate_exit_quality, evaluate_oracle
from eenet.workflows.guarantee import fit_within_accuracy_drop
from eenet.workflows.refit import RefitOptions, refit_bundle
from eenet_export.cli import main as export
from support.schedule_command import run
from support.values import Trained, made_up, table, train_table, write_table

COSTS = [1.0, 2.0, 4.0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_table(tmp_path_factory.mktemp("regression"))


# --- predictions ---


def test_quality_falls_with_the_distance() -> None:
    predictions = made_up(3)
    targets = np.array([[0.0], [10.0], [-5.0]], np.float32)
    answers = np.array([[3.0], [10.0], [100.0]], np.float32)
    assert replace(predictions, targets=targets).qualities_of(answers).tolist() == [0.75, 1, 0]
    assert replace(predictions, targets=targets).figures(answers) == pytest.approx({"mse": 3678, "mae": 36})
    # Half the scale apart, each of two answers is worth half by the other.
    assert predictions.alike(answers, answers + np.array([[6], [6.5], [0]], np.float32)).tolist() == [True, False, True]


def test_error_scale_is_a_quantile_of_full_depth() -> None:
    predictions = made_up(1000)
    scale = error_scale_of(predictions.values[:, -1], predictions.targets)
    errors = np.abs(predictions.values[:, -1] - predictions.targets)
    assert (errors > scale).mean() == 0.05
    assert error_scale_of(predictions.targets, predictions.targets) == 1


def test_files_hold_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    predictions = replace(made_up(), network="weights:abc")
    predictions.save(tmp_path / "p.npz")
    loaded = load_predictions(tmp_path / "p.npz")
    assert isinstance(loaded, ValuePredictions)
    assert (loaded.error_scale, loaded.target_names, loaded.network) == (12, ("weight",), "weights:abc")
    assert all(np.array_equal(loaded.arrays()[name], array) for name, array in predictions.arrays().items())
    arrays = {name: array for name, array in predictions.arrays().items() if name != "error_scale"}
    np.savez(tmp_path / "q.npz", **{**arrays, "targets": predictions.targets[:, 0].astype(np.float64)})
    assert not caplog.records
    bare = load_predictions(tmp_path / "q.npz")
    assert isinstance(bare, ValuePredictions)
    assert bare.error_scale == error_scale_of(predictions.values[:, -1], predictions.targets)
    assert "no error_scale came with the values: it is" in caplog.records.pop().getMessage()
    assert bare.measured_as(predictions).error_scale == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: {"values": p.values[:, :1]}, r"values: got shape \(600, 1, 1\), expected N >= 1, K >= 2, D >= 1"),
        (
            lambda p: {"targets": p.targets[:, [0, 0]]},
            r"targets: got float32 of shape \(600, 2\), expected .* \(600, 1",
        ),
        (lambda p: {"hidden": p.hidden[:2]}, "hidden: got arrays of 2 exits, expected 3, as the values"),
        (lambda p: {"hidden": (*p.hidden[:2], p.hidden[2][:5])}, r"hidden_2: got float32 of shape \(5, 4\), expected"),
        (lambda p: {"values": p.values * np.float32(np.inf)}, "values: row 0 is not finite"),
        (lambda p: {"error_scale": 0.0}, "error_scale: got 0.0, expected a positive number"),
        (lambda p: {"target_names": ("a", "b")}, "target_names: got 2, expected 1"),
    ],
)
def test_refused(change: Callable[[ValuePredictions], dict[str, object]], message: str) -> None:
    predictions = made_up()
    with pytest.raises(UserError, match=message):
        replace(predictions, **change(predictions))


def test_files_that_lack_an_exit(tmp_path: Path) -> None:
    arrays = made_up().arrays()
    del arrays["hidden_2"]
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(UserError, match=r"p\.npz: has .*, expected hidden_2, too, for 3 exits"):
        load_predictions(tmp_path / "p.npz")
    np.savez(tmp_path / "q.npz", values=arrays["values"])
    with pytest.raises(UserError, match=r"expected logits and labels; or values and targets and hidden_0"):
        load_predictions(tmp_path / "q.npz")


def test_checks(caplog: pytest.LogCaptureFixture) -> None:
    predictions = made_up()
    fitted, report = predictions.split(0.5, seed=0)
    check_validation(predictions, [("fit", fitted)], "v")
    assert check_apart(report, [fitted], "r", "f") == 0
    assert not caplog.records
    constant = replace(predictions, targets=np.zeros_like(predictions.targets))
    with pytest.raises(UserError, match="v: all 600 targets are the same"):
        check_validation(constant, (), "v")
    caplog.clear()
    check_predictions(replace(predictions, targets=predictions.targets[::-1].copy()), "p")
    assert "p: exits 0, 1, 2 are no better than the mean of the targets" in caplog.records[0].getMessage()
    with pytest.raises(UserError, match="r: 300 of 300 samples are among those that policies were fitted on"):
        check_apart(report, [report], "r", "f")
    caplog.clear()
    check_apart(replace(report, targets=report.targets + 30), [fitted], "r", "f")
    assert "r: its mean weight is 1." in caplog.records[0].getMessage()
    wider = replace(report, hidden=(*report.hidden[:2], np.tile(report.hidden[2], 2)))
    with pytest.raises(UserError, match=r"r: has 3 exits, 1 target, \(4, 5, 10\) features, f 3 exits, 1 target, \(4,"):
        check_apart(wider, [fitted], "r", "f")


# --- policies ---


def test_which_policies_suit() -> None:
    names = policies_for(made_up())
    assert {"eenet", "learned-stopping", "learned-stopping-hidden", "correction", "patience"} <= set(names)
    assert not {"maximum", "entropy", "vote", "eenet-fixed-scores"} & set(names)
    with pytest.raises(UserError, match="policy 'maximum' is none for regression, expected one of eenet, "):
        next(fit_schedules("maximum", made_up(), COSTS, [2.0], unit="ms"))
    with pytest.raises(UserError, match="combine: there is no combiner for regression, expected none"):
        fit_combiner(made_up())
    with pytest.raises(UserError, match="policy 'maximum' is none for regression"):
        create_scheduler("maximum").fit(*made_up().split(0.5, 0), COSTS, 2.0)


@pytest.mark.parametrize("policy", policies_for(made_up()))
def test_budgets_are_kept(policy: str) -> None:
    validation, report = made_up(2000), made_up(2000, seed=1)
    for budget in (1.0, 1.5, 2.5, 3.5):
        schedule = next(fit_schedules(policy, validation, COSTS, [budget], unit="ms"))
        cost = float(schedule.calibration_shares @ np.array(COSTS))
        assert cost + schedule.margin <= budget + 1e-12
        # Small corrections are there from exit 1 on alone.
        assert cost > 0.75 * budget or (budget < 2 and policy.startswith(("correction", "patience")))
        assert evaluate(report, schedule.exit_policy, COSTS).mean_cost <= budget * 1.001


def test_what_is_learned_is_worth_more_than_small_corrections() -> None:
    """The first exit's hidden features tell which samples are easy, and it has no correction."""
    validation, report = made_up(2000), made_up(2000, seed=1)
    quality = {
        policy: evaluate(
            report, next(fit_schedules(policy, validation, COSTS, [2.2], unit="ms")).exit_policy, COSTS
        ).accuracy
        for policy in ("eenet", "learned-stopping", "correction")
    }
    exit_ = evaluate_best_exit(validation, report, COSTS, 2.2).accuracy
    assert min(quality["eenet"], quality["learned-stopping"]) > max(quality["correction"], exit_) + 0.01
    assert evaluate_oracle(report, COSTS, 2.2).accuracy > max(quality.values())


@pytest.mark.parametrize("policy", ["eenet", "learned-stopping", "learned-stopping-hidden"])
def test_the_unit_of_hidden_features_does_not_matter(policy: str) -> None:
    validation, report = made_up(1000), made_up(1000, seed=1)
    exits = []
    for unit in (1, 1e4):
        scaled = [replace(p, hidden=tuple(x * np.float32(unit) for x in p.hidden)) for p in (validation, report)]
        schedule = next(fit_schedules(policy, scaled[0], COSTS, [2.2], unit="ms"))
        exits.append(scaled[1].replay(schedule.exit_policy).exits)
    assert (exits[0] == exits[1]).mean() > 0.97
    assert len(set(exits[0].tolist())) > 1


def test_scorers_mean_the_same_for_samples_unlike_all_others() -> None:
    fit_set, calibration_set = made_up(1000).split(0.5, 0)
    policy = create_scheduler("learned-stopping-hidden").fit(fit_set, calibration_set, COSTS, 2.0).exit_policy_
    far = made_up(50, seed=2)
    far = replace(far, hidden=tuple(100 * x for x in far.hidden), values=far.values * np.float32(-3))
    features, scores = far.features(), far.scores(policy)
    for k, (hidden, bias, out, out_bias) in enumerate(policy.scorers):
        direct = hidden[0, : features[k].shape[1]]
        assert np.array_equal(hidden[1, : len(direct)], -direct)
        knots = np.maximum(features[k].astype(np.float64) @ hidden[2:, : len(direct)].T + bias[2:], 0)
        expected = features[k].astype(np.float64) @ direct + knots @ out[0, 2:] + out_bias[0]
        assert scores[:, k] == pytest.approx(expected, rel=1e-4, abs=1e-3)
        assert expected.min() < -1


def test_corrections_let_leave_whoever_was_corrected_least() -> None:
    validation = made_up(1000)
    schedule = next(fit_schedules("correction", validation, COSTS, [3.0], unit="ms"))
    replayed = validation.replay(schedule.exit_policy)
    assert set(replayed.exits) == {1, 2}, "all corrections of the first exit are 0, which tells nothing"
    size = np.abs(validation.values[:, 1] - validation.values[:, 0])[:, 0]
    assert size[replayed.exits == 1].max() < size[replayed.exits == 2].min()


def test_the_oracle_spends_what_it_may() -> None:
    report = made_up(1000)
    quality = report.qualities()
    everything = evaluate_oracle(report, COSTS, 4.0)
    assert everything.accuracy == pytest.approx(quality.max(axis=1).mean())
    assert 1.9 < evaluate_oracle(report, COSTS, 2.0).mean_cost <= 2.0 or everything.mean_cost <= 2.0
    assert evaluate_oracle(report, COSTS, 1.0).mean_cost == 1
    best = evaluate_best_exit(made_up(500, seed=3), report, COSTS, 2.0)
    assert best.exit_shares.tolist() == [0, 1, 0]
    assert best.figures == report.figures(report.values[:, 1])


def test_bounded_losses_of_quality() -> None:
    validation, report = made_up(3000), made_up(3000, seed=1)
    found = fit_within_accuracy_drop("learned-stopping", validation, COSTS, 0.05, 0.05, unit="ms")
    drop = report.qualities()[:, -1].mean() - evaluate(report, found.schedule.exit_policy, COSTS).accuracy
    assert found.schedule.budget < 4
    assert 0 < drop < 0.05


def test_figures_of_exits_say_nothing_of_probabilities() -> None:
    schedule = next(fit_schedules("learned-stopping", made_up(), COSTS, [2.0], unit="ms"))
    quality = evaluate_exit_quality(made_up(seed=1), schedule.exit_policy)
    assert np.isnan(quality.calibration_error).all()
    assert (quality.failure_auroc > 0.55).all()


# --- network and training ---


def test_values_are_in_the_unit_of_the_targets() -> None:
    torch.manual_seed(0)
    network = create_model("tabular", 2, num_inputs=4).eval()
    inputs, targets = (torch.from_numpy(x) for x in table(200))
    network.adapt(inputs, targets)
    with torch.no_grad():
        outputs = network.run_outputs((inputs,), early_exits=True)
    assert [tuple(value.shape) for value, _ in outputs] == [(200, 2)] * 4
    assert outputs[0][0].mean(dim=0).numpy() == pytest.approx(targets.mean(dim=0).numpy(), rel=0.3)
    value, scale = torch.zeros(2) + targets.mean(dim=0), targets.std(dim=0, correction=0)
    for k, (answer, hidden) in enumerate(outputs):
        value = value + scale * (hidden @ network.corrections[k].weight.T + network.corrections[k].bias)
        assert torch.allclose(answer, value, rtol=1e-4)
    assert network.parameters_to_exit() == sorted(network.parameters_to_exit())


def test_heads_learn_what_earlier_ones_leave() -> None:
    network = create_model("tabular", 1, num_inputs=4).train()
    network(torch.randn(8, 4))[3].sum().backward()
    assert network.corrections[0].weight.grad is None
    assert network.corrections[3].weight.grad.abs().sum() > 0


def test_training_learns_and_says_how_well(trained: Trained) -> None:
    validation = load_predictions(trained.run / "validation.npz")
    test = load_predictions(trained.run / "test.npz")
    checkpoint = load_checkpoint(trained.run / "weights.safetensors")
    assert isinstance(validation, ValuePredictions)
    assert isinstance(test, ValuePredictions)
    assert validation.error_scale == test.error_scale == error_scale_of(validation.values[:, -1], validation.targets)
    assert validation.network == test.network == checkpoint.id
    assert validation.target_names == checkpoint.class_names == ("height", "depth")
    assert (((test.values[:, -1] - test.targets) ** 2).mean(axis=0) < 0.6 * test.targets.var(axis=0)).all()
    lines = [json.loads(line) for line in (trained.run / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["validation"] == checkpoint.training["validation_mse"] == validation.exit_figures()
    assert lines[-1]["loss"] < 0.6 * lines[0]["loss"]


def test_a_run_goes_on_to_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_table(tmp_path / "data.npz", 200)

    def weights(name: str, epochs: str) -> dict[str, torch.Tensor]:
        arguments = ["--model", "tabular", "--data", str(data), "--out", str(tmp_path / name), "--epochs", epochs]
        assert train([*arguments, "--batch-size", "32", "--json"]) == 0
        return load_checkpoint(tmp_path / name / "weights.safetensors").network.state_dict()

    whole = weights("a", "2")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(result["mse"]["validation"]) == 4
    state = (tmp_path / "a" / "state.safetensors").read_bytes()
    assert weights("a", "2").keys() == whole.keys()
    assert (tmp_path / "a" / "state.safetensors").read_bytes() == state
    again = weights("b", "2")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize(
    ("arrays", "arguments", "message"),
    [
        (
            {},
            ["--model", "resnet56"],
            "--model: resnet56 takes image [3, 32, 32], the data are one input of [4]",
        ),
        ({}, ["--image-size", "32"], "--image-size: came for .*, which holds arrays, expected none"),
        ({}, ["--trunk-share", "0.2"], "--trunk-share: got 0.2, expected 0: exits of tabular need earlier ones"),
        ({}, ["--full-heads"], "--full-heads: tabular is no ChainNetwork"),
        ({"targets": np.zeros(40)}, [], "training set: target 'height' is the same of all samples|target_names: got 2"),
        ({"inputs": np.full((40, 4), np.nan)}, [], "inputs: row 0 is not finite in float32"),
        ({"targets": np.zeros((3, 2))}, [], r"inputs and targets: got shapes \(40, 4\) and \(3, 2\), expected"),
        ({"inputs": np.array([["a"] * 4] * 40)}, [], "inputs: got <U1, expected numbers"),
    ],
)
def test_what_cannot_be_trained_on(
    arrays: dict[str, np.ndarray],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inputs, targets = table(40)
    names = np.array(["height", "depth"])
    np.savez(tmp_path / "d.npz", **{"inputs": inputs, "targets": targets, "target_names": names, **arrays})
    model = [] if "--model" in arguments else ["--model", "tabular"]
    assert train([*model, "--data", str(tmp_path / "d.npz"), "--out", str(tmp_path / "o"), *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(message if "[3" not in message else re.escape(message), error), error


# --- bundle ---


def test_the_runtime_answers_with_the_values_of_the_network(trained: Trained) -> None:
    test = load_predictions(trained.run / "test.npz")
    assert isinstance(test, ValuePredictions)
    runtime = eenet_rt.load(trained.bundle)
    assert (runtime.task, list(runtime.target_names)) == ("regression", ["height", "depth"])
    inputs, _ = table(300, seed=1)
    everything = runtime.infer_batch(inputs, policy=None, return_outputs=True)
    assert everything.values == pytest.approx(test.values[:, -1], rel=1e-3, abs=1e-3)
    assert everything.outputs is not None
    for k, (value, hidden) in enumerate(everything.outputs):
        assert value == pytest.approx(test.values[:, k], rel=1e-3, abs=1e-3)
        assert hidden == pytest.approx(test.hidden[k], rel=1e-3, abs=1e-3)
    assert runtime.schedule is not None
    replayed = test.replay(runtime.schedule.exit_policy)
    results = [runtime.infer(x) for x in inputs]
    exits = np.array([result.exit for result in results])
    assert (exits == replayed.exits).mean() > 0.99
    assert len(set(exits)) > 1
    rows = np.arange(300)
    assert np.stack([r.value for r in results]) == pytest.approx(test.values[rows, exits], rel=1e-3, abs=1e-3)


def test_the_manifest_says_what_errors_are_worth(trained: Trained) -> None:
    bundle = Bundle.open(trained.bundle)
    validation = load_predictions(trained.run / "validation.npz")
    assert bundle.manifest["error_scale"] == validation.settings()["error_scale"]
    assert (bundle.task.name, bundle.names) == ("regression", ("height", "depth"))
    assert bundle.num_features == list(validation.num_features)
    assert [segment["exit"] for segment in bundle.manifest["segments"]] == [
        [f"value_{k}", f"hidden_{k}"] for k in range(4)
    ]


def test_commands_evaluate_and_refit(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = str(trained.run / "test.npz")
    status, out, _ = run(capsys, "evaluate", "--predictions", test, "--schedule", str(trained.bundle), "--json")
    assert status == 0
    rows = json.loads(out)["schedules"]
    schedules = eenet_rt.load(trained.bundle).schedules
    for row, schedule in zip(rows, schedules, strict=True):
        done = evaluate(load_predictions(test), schedule.exit_policy, schedule.costs)
        assert (row["quality"], row["mse"], row["mae"]) == (done.accuracy, done.figures["mse"], done.figures["mae"])
    result = refit_bundle(trained.bundle, tmp_path / "new.eenet", RefitOptions(budgets=("60%",)), lambda line: None)
    assert result.schedules[0].policy == "learned-stopping"
    assert eenet_rt.load(result.bundle).schedule.budget == pytest.approx(0.6 * result.profile.costs[-1])


def test_predictions_of_a_bundle(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.npz"
    assert predict([str(trained.bundle), "--data", str(trained.test), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    made, logged = load_predictions(out), load_predictions(trained.run / "test.npz")
    assert isinstance(made, ValuePredictions)
    assert isinstance(logged, ValuePredictions)
    assert (made.error_scale, made.network) == (logged.error_scale, logged.network)
    assert made.values == pytest.approx(logged.values, rel=1e-3, abs=1e-3)
    assert said["exit_mse"] == made.exit_figures()
    inputs, targets = table(20)
    np.savez(tmp_path / "other.npz", inputs=inputs, targets=targets, target_names=np.array(["height", "width"]))
    assert predict([str(trained.bundle), "--data", str(tmp_path / "other.npz"), "--out", str(out)]) == 2
    assert "samples: have the targets height, width, expected height, depth" in capsys.readouterr().err


def test_another_network_or_task_is_refused(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up(100, exits=4).save(tmp_path / "p.npz")
    checkpoint = str(trained.run / "weights.safetensors")
    arguments = ["--model", "tabular", "--checkpoint", checkpoint, "--out", str(tmp_path), "--predictions"]
    assert export([*arguments, str(tmp_path / "p.npz")]) == 2
    assert "predictions: got 4 exits, 1 target, tabular has 4 and 2" in capsys.readouterr().err
    logits = np.zeros((30, 4, 2), np.float32)
    np.savez(tmp_path / "c.npz", logits=logits, labels=np.arange(30) % 2)
    assert export([*arguments, str(tmp_path / "c.npz")]) == 2
    assert "predictions: are of classification, tabular is a network of regression" in capsys.readouterr().err
    assert export([*arguments, str(trained.run / "validation.npz"), "--policy", "maximum"]) == 2
    assert "policy 'maximum' is none for regression, expected one of eenet, " in capsys.readouterr().err


def test_arrays_that_shrank_are_noticed() -> None:
    values, hidden = np.zeros((100_000, 2, 1), np.float32), [np.zeros((100_000, 16), np.float32) for _ in range(2)]
    outputs = eenet_rt.RegressionOutputs(values, hidden)
    hidden[0].resize((1, 16), refcheck=False)
    with pytest.raises(eenet_rt.InputError, match=r"hidden\[0\]: \(1, 16\) came, \(100000, H\) with H >= 1 expected"):
        eenet_rt.features(outputs)


def test_what_has_no_meaning_here_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "none.npz", inputs=np.zeros((0, 8), np.float32), targets=np.zeros(0, np.float32))
    np.savez(tmp_path / "some.npz", inputs=np.ones((60, 8), np.float32), targets=np.arange(60.0))
    common = ["--model", "tabular", "--out", str(tmp_path / "run"), "--epochs", "1"]
    for data, options, message in (
        ("none.npz", [], "got shapes (0, 8) and (0, 1)"),
        ("some.npz", ["--distillation", "5"], "--distillation: got 5, expected none"),
        ("some.npz", ["--teacher-share", "0.9"], "--teacher-share: got 0.9, expected none"),
    ):
        assert train([*common, "--data", str(tmp_path / data), *options]) == 2
        assert message in capsys.readouterr().err


def test_what_only_classes_have_is_refused_before_the_work(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    validation, weights = str(trained.run / "validation.npz"), str(trained.run / "weights.safetensors")
    common = ["--unit", "flops", "--budget", "80%", "--out", str(tmp_path)]
    for combine in ("exits", "temperature"):
        assert export(["--model", "tabular", "--checkpoint", weights, *common, "--combine", combine]) == 2
        said = capsys.readouterr().err
        assert "combine: there is no combiner for regression, expected none" in said
        assert "verify" not in said
    assert export(["--model", "tabular", "--checkpoint", weights, *common, "--class-prior", "uniform"]) == 2
    assert f"--class-prior: {validation} has predictions of regression" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_error_scale_that_the_calibration_contradicts_is_refused(trained: Trained, tmp_path: Path) -> None:
    bundle = tmp_path / "tabular.eenet"
    shutil.copytree(trained.bundle, bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "error_scale": 1e308}))
    with pytest.raises(UserError, match=r"error_scale: got [\d.]+, expected 1e\+308, as the manifest"):
        refit_bundle(bundle, None, RefitOptions(budgets=("60%",), unit="flops"), print)
