"""From float32 to int8 with the vectors kept true, in three ways of which the first good one is taken."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

# How much of the outliers' weight moves from what is multiplied into the multiplier, as in SmoothQuant
# (Xiao and others, 2022). Of .6 to .9 this one kept the vectors truest.
SMOOTHING = 0.7
_SMALLEST_INPUT, _SMALLEST_WEIGHT = 1e-3, 1e-4


def attempts(source: Path, target: Path, token_ids: Sequence[np.ndarray]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Ways to write `source` as int8 into `target`, fastest first, each with a line that says what it does.

    What goes into the feed-forward projections has outliers that stretch the scale which int8 values share,
    above all in messages of one word. Either they are evened out first, or some layers stay in float32: half of the
    projections, or all.
    """
    yield "int8, outliers evened out", lambda: _smoothed(source, target, token_ids)
    narrowing = [name for name, shape in _multiplications(source) if shape[0] > shape[1]]
    for kept in (narrowing[: len(narrowing) // 2], narrowing):
        yield (
            f"int8, {len(kept)} layers kept in float32",
            lambda kept=kept: _quantise(source, target, kept),
        )


def _smoothed(source: Path, target: Path, token_ids: Sequence[np.ndarray]) -> None:
    smooth = target.with_suffix(".smooth")
    try:
        _smooth(source, smooth, token_ids)
        _quantise(smooth, target, [])
    finally:
        smooth.unlink(missing_ok=True)


def _multiplications(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Name and weights' shape of each multiplication with constant weights."""
    import onnx

    graph = onnx.load(path).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found = [(node.name, shapes.get(node.input[1], ())) for node in graph.node if node.op_type == "MatMul"]
    return [(name, shape) for name, shape in found if len(shape) == 2]


def _smooth(source: Path, target: Path, token_ids: Sequence[np.ndarray]) -> None:
    """Divide what is multiplied by a factor a channel and multiply the weights by it: the product stays the same."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(source)
    graph = model.graph
    wanted = {name for name, _ in _multiplications(source)}
    nodes = [node for node in graph.node if node.name in wanted]
    weights = {tensor.name: tensor for tensor in graph.initializer}
    largest = _largest(source, sorted({node.input[0] for node in nodes}), token_ids)
    smooth: dict[str, str] = {}
    for node in nodes:
        entering, tensor = node.input[0], weights[node.input[1]]
        sharing = [weights[other.input[1]] for other in nodes if other.input[0] == entering]
        strongest = np.max([np.abs(numpy_helper.to_array(each)).max(axis=1) for each in sharing], axis=0)
        factor = _factor(largest[entering], strongest)
        if entering not in smooth:
            smooth[entering] = f"{entering}_smooth"
            graph.initializer.append(numpy_helper.from_array(1 / factor, f"{entering}_factor"))
            even = helper.make_node("Mul", [entering, f"{entering}_factor"], [smooth[entering]])
            graph.node.insert(list(graph.node).index(node), even)
    # Only now: the factors above are worked out from the weights as they were.
    for node in nodes:
        tensor = weights[node.input[1]]
        factor = 1 / numpy_helper.to_array(_initializer(graph, f"{node.input[0]}_factor"))
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * factor[:, None], tensor.name))
        node.input[0] = smooth[node.input[0]]
    onnx.save(model, target)


def _factor(largest: np.ndarray, strongest: np.ndarray) -> np.ndarray:
    inputs, multipliers = np.maximum(largest, _SMALLEST_INPUT), np.maximum(strongest, _SMALLEST_WEIGHT)
    factor = inputs**SMOOTHING / multipliers ** (1 - SMOOTHING)
    return (factor / np.exp(np.log(factor).mean())).astype(np.float32)


def _initializer(graph, name: str):
    return next(tensor for tensor in graph.initializer if tensor.name == name)


def _largest(path: Path, names: list[str], token_ids: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The largest absolute value a channel that each of these carries for these texts."""
    import onnx
    import onnxruntime

    probe = onnx.load(path)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    masked = len(session.get_inputs()) > 1
    largest: dict[str, np.ndarray] = {}
    for ids in token_ids:
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)} if masked else {"input_ids": ids}
        for name, values in zip(names, session.run(names, given), strict=True):
            here = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, 0), here)
    return largest


def _quantise(source: Path, target: Path, kept: list[str]) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # The quantiser advises a preprocessing step that only matters to convolutions.
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            source,
            target,
            weight_type=QuantType.QInt8,
            # One scale a channel: with one a matrix the cosine falls from .995 to .97.
            per_channel=True,
            nodes_to_exclude=kept,
            # Fused nodes are no standard ones, and nothing tells the quantiser what comes out of them.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    finally:
        root.setLevel(level)
