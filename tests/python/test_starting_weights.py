"""Networks that start at the weights of others whose options differ."""

from __future__ import annotations

from dataclasses import replace

import torch

from eenet.training.start import read_start, started_network


def test_heads_that_fit_stay_where_options_differ() -> None:
    start = read_start("resnet56")
    # As of a file that says nothing of options: its heads are known by their shapes alone.
    unsaid = replace(start, options={})
    _, told = started_network(unsaid, "resnet56", start.class_names or (), {"heads": "paper"})
    assert not any("are new" in line for line in told)
    tensors = {**start.tensors, "exits.0.3.weight": torch.zeros(1)}
    network, told = started_network(
        replace(unsaid, tensors=tensors), "resnet56", start.class_names or (), {"heads": "paper"}
    )
    assert "start: the heads of exits 0 are new: resnet56 has others" in told
    state = network.state_dict()
    assert torch.equal(state["exits.1.0.weight"], start.tensors["exits.1.0.weight"])
    assert not torch.equal(state["exits.0.0.weight"], start.tensors["exits.0.0.weight"])
