"""Networks: parameter counts, segments against the whole, the registry."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from eenet.errors import UserError
from eenet.models import create_model, list_models, model_entry, register
from eenet.models.heads import HEADS

# Pinned. Paper, Table 3: densenet121 0.06 0.25 0.86 1.17 M, resnet56 0.06 0.28 0.96 M (bottleneck blocks).
PARAMETERS = {
    "densenet121": ([62476, 246800, 858420, 1207768], 1035268),
    "resnet56": ([49690, 240868, 891118], 855770),
}

# Of networks whose exits need the earlier ones: there is none without them.
WITHOUT_STATIC = {"tabular": [897, 5762, 14883, 28260]}


def test_every_network_that_ships_is_pinned() -> None:
    modules = {name: model_entry(name).build.__module__ for name in list_models()}
    assert {name for name, module in modules.items() if module.startswith("eenet.models.")} == (
        PARAMETERS.keys() | WITHOUT_STATIC.keys()
    )


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_to_each_exit(name: str) -> None:
    network = create_model(name)
    to_exit, static = PARAMETERS[name]
    assert network.parameters_to_exit() == to_exit
    assert network.static_parameters() == static
    assert sum(p.numel() for p in network.parameters()) == to_exit[-1]


def test_parameters_of_networks_that_have_all_exits() -> None:
    for name, to_exit in WITHOUT_STATIC.items():
        network = create_model(name, 1)
        assert network.parameters_to_exit() == to_exit
        assert sum(p.numel() for p in network.parameters()) == to_exit[-1]


def test_densenet_agrees_with_the_paper_to_two_digits() -> None:
    entry = model_entry("densenet121")
    ours = create_model("densenet121").parameters_to_exit()
    assert [round(count / 1e6, 2) for count in ours[:3]] == list(entry.paper_parameters[:3])


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_segments_make_up_the_network(name: str) -> None:
    torch.manual_seed(0)
    network = create_model(name).eval()
    board = {"image": torch.randn(2, 3, 32, 32)}
    with torch.inference_mode():
        whole = network(board["image"])
        static = network.run_last(board["image"])
        for k, spec in enumerate(network.segments):
            outputs = network.run_segment(k, *(board[n] for n in spec.inputs))
            board.update(zip(spec.outputs, outputs, strict=True))
            assert torch.equal(board[spec.exit], whole[k])
    assert torch.equal(static, whole[-1])
    assert len(whole) == network.num_exits
    assert whole[0].shape == (2, network.num_classes)


def test_number_of_classes() -> None:
    network = create_model("resnet56", 7).eval()
    assert [tuple(z.shape) for z in network(torch.zeros(1, 3, 32, 32))] == [(1, 7)] * 3


def test_registry_errors() -> None:
    assert {"densenet121", "resnet56"} <= set(list_models())
    with pytest.raises(UserError, match="model 'vgg' is not known; known are densenet121"):
        create_model("vgg")
    with pytest.raises(ValueError, match="registered twice"):
        register("resnet56", num_classes=1, dataset="", paper_parameters=())(lambda c: create_model("resnet56"))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_head_fits_every_exit(name: str, kind: str) -> None:
    network = create_model(name, heads=kind).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, 3, 32, 32))
    assert [tuple(z.shape) for z in logits] == [(2, network.num_classes)] * network.num_exits
    assert network.options["heads"] == kind
    assert network.static_parameters() == PARAMETERS[name][1]


def test_heads_differ_and_other_names_are_refused() -> None:
    counts = {kind: create_model("densenet121", heads=kind).parameters_to_exit()[0] for kind in HEADS}
    assert len(set(counts.values())) == len(HEADS)
    assert min(counts, key=counts.__getitem__) == "linear"
    with pytest.raises(UserError, match="heads: got 'cheap', expected one of paper, strided"):
        create_model("densenet121", heads="cheap")
    with pytest.raises(UserError, match="model 'densenet121' has no option 'head'; it has heads"):
        create_model("densenet121", head="paper")


def test_exits_of_a_resnet_lie_where_they_are_asked_for() -> None:
    network = create_model("resnet56", exits=(9, 14, 18)).eval()
    image = torch.randn(2, 3, 32, 32)
    torch.manual_seed(0)
    with torch.inference_mode():
        assert len(network(image)) == 4
        tensors = {"image": image}
        for k, spec in enumerate(network.segments[:-1]):
            (features,) = network.run_core(k, *(tensors[name] for name in spec.inputs))
            tensors[spec.outputs[0]] = features
    assert [tuple(tensors[f"trunk_{k}"].shape[1:]) for k in range(3)] == [(16, 32, 32), (32, 16, 16), (32, 16, 16)]
    for wrong in [(18, 9), (9, 9), (0, 9), (9, 27)]:
        with pytest.raises(UserError, match=r"exits: got \[.*\], expected ascending numbers from 1 to 26"):
            create_model("resnet56", exits=wrong)


def test_resnet_without_early_exits_and_without_projections() -> None:
    network = create_model("resnet56", exits=(), shortcut="pad")
    assert network.parameters_to_exit() == [853018]
    with pytest.raises(UserError, match="shortcut: got 'none', expected projection or pad"):
        create_model("resnet56", shortcut="none")


def test_weights_as_they_are_drawn() -> None:
    torch.manual_seed(0)
    network = create_model("resnet56", 10)
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            assert float(module.weight.detach().std()) == pytest.approx(0.01, rel=0.15), name
            assert not module.bias.any()
        elif isinstance(module, nn.Conv2d) and module.weight.numel() > 2000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert float(module.weight.detach().std()) == pytest.approx(math.sqrt(2 / fan_out), rel=0.1), name
