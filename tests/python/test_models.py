"""Networks: parameter counts, segments against the whole, the registry."""

from __future__ import annotations

import pytest
import torch

from eenet.errors import UserError
from eenet.models import create_model, list_models, model_entry, register

# Pinned. Paper, Table 3: densenet121 0.06 0.25 0.86 1.17 M, resnet56 0.06 0.28 0.96 M (bottleneck blocks).
PARAMETERS = {
    "densenet121": ([62476, 246800, 858420, 1207768], 1035268),
    "resnet56": ([49690, 240868, 891118], 855770),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_to_each_exit(name: str) -> None:
    network = create_model(name)
    to_exit, static = PARAMETERS[name]
    assert network.parameters_to_exit() == to_exit
    assert network.static_parameters() == static
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
