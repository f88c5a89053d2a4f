"""Bundles in good order whose graphs are not: whoever makes a bundle says what its segments do."""

from __future__ import annotations

from pathlib import Path

import onnx

from eenet.bundles import write_bundle
from eenet.costs import CostProfile
from support import golden

# Reads the classes off the first three inputs, as the golden bundle, after a number of useless steps.
LOOP = """
<ir_version: 10, opset_import: ["": 18]>
segment (float[batch, 4] x) => (float[batch, 3] trunk_0, float[batch, 3] logits_0)
<float[4, 3] weight = {{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}}, float[1] nothing = {{0}}, float scale = {{1e18}}>
{{
  first = MatMul(x, weight)
  trips = {trips}
  go = Constant <value = bool {{1}}> ()
  trunk_0 = Loop (trips, go, first) <
    body = step (int64 i, bool on, float[batch, 3] sum) => (bool still, float[batch, 3] next)
    {{ still = Identity (on)  next = Add (sum, nothing) }}>
  logits_0 = Identity (trunk_0)
}}
"""
FOR_EVER = "Constant <value = int64 {4611686018427387904}> ()"
AS_THE_INPUT_SAYS = "Cast <to = 7> (scaled)"


def loop_for_ever(folder: Path) -> Path:
    """A bundle whose first segment never ends, whatever the input."""
    return _write(folder, LOOP.format(trips=FOR_EVER))


def loop_on_demand(folder: Path) -> Path:
    """A bundle whose first segment loops 1e18 times the largest input: not at all at load, where inputs are zero."""
    text = LOOP.format(trips=AS_THE_INPUT_SAYS)
    most = "most = ReduceMax <keepdims = 0> (x)  scaled = Mul (most, scale)\n  trips ="
    return _write(folder, text.replace("trips =", most, 1))


def nested_functions(folder: Path, depth: int) -> Path:
    """A bundle whose first segment grows to 2 ** `depth` nodes when its functions are put in."""
    imports = '<domain: "nest", opset_import: ["": 18, "nest": 1]>'
    functions = f"{imports} f0 (a) => (b) {{ b = Neg (a) }}\n" + "".join(
        f"{imports} f{i} (a) => (b) {{ c = nest.f{i - 1} (a)  b = nest.f{i - 1} (c) }}\n" for i in range(1, depth + 1)
    )
    text = f"""
<ir_version: 10, opset_import: ["": 18, "nest": 1]>
segment (float[batch, 4] x) => (float[batch, 3] trunk_0, float[batch, 3] logits_0)
<float[4, 3] weight = {{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}}>
{{
  deep = nest.f{depth} (x)
  trunk_0 = MatMul (deep, weight)
  logits_0 = Identity (trunk_0)
}}
{functions}"""
    return _write(folder, text)


def many_operators(folder: Path, count: int) -> Path:
    """A bundle whose first segment is so long that opening it takes its time: some 9 s for 100,000 operators."""
    chain = "\n".join(f"  x{i + 1} = Sigmoid (x{i})" for i in range(count))
    text = f"""
<ir_version: 10, opset_import: ["": 18]>
segment (float[batch, 4] x) => (float[batch, 3] trunk_0, float[batch, 3] logits_0)
<float[4, 3] weight = {{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}}>
{{
  x0 = Neg (x)
{chain}
  trunk_0 = MatMul (x{count}, weight)
  logits_0 = Identity (trunk_0)
}}"""
    return _write(folder, text)


def unknown_operator(folder: Path, name_length: int) -> Path:
    """A bundle whose first segment has an operator of a very long name, which ONNX Runtime does not know."""
    model = onnx.parser.parse_model(LOOP.format(trips=FOR_EVER))
    model.graph.node[0].op_type = "x" * name_length
    return _write(folder, model)


def operator_with_commands(folder: Path) -> Path:
    """A bundle whose first segment has an operator that ONNX Runtime does not know, in a name that clears terminals."""
    model = onnx.parser.parse_model(LOOP.format(trips=FOR_EVER))
    model.graph.node[0].op_type = "one\ntwo\x1b[2J\x7f"
    return _write(folder, model)


def _write(folder: Path, first: str | onnx.ModelProto) -> Path:
    model = onnx.parser.parse_model(first) if isinstance(first, str) else first
    second = (golden.GOLDEN / "segment_1.onnx").read_bytes()
    description = golden.content([model.SerializeToString(deterministic=True), second])
    write_bundle(folder, description, profiles=[CostProfile("flops", (24.0, 42.0), 42.0)])
    return folder
