"""The encoder's ONNX graph, made for what it is used for: one text at a time, with nothing to pad.

What a general export carries along (masks for padding, shapes worked out anew in every layer) costs a
short message as much time as the multiplications themselves; `scripts/bench encoder` has the figures.
"""

import logging
from pathlib import Path

import numpy as np

from kb_index.encoder import OUTPUTS

OPSET = 17  # the newest that onnxruntime 1.19, the last for Python 3.10 with numpy 1, reads in full
ATTENTION = "switchboard_plain"
# Two lengths in tokens that no model has as a fixed dimension: what differs between them depends on the text.
PROBES = (7, 11)


def write_lean(sentence_transformer, path: Path) -> None:
    """Write the whole model with `input_ids` (1, tokens) as its only input, attention and layer ends fused.

    The model keeps the plain attention afterwards. Raises whatever the libraries raise for an
    architecture that this does not fit; `write_general` fits all.
    """
    import torch

    transformer = sentence_transformer[0].auto_model
    _use_plain_attention(transformer)

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = sentence_transformer

        def forward(self, input_ids):
            features = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
            return _outputs(self.model(features))

    sample = sentence_transformer.preprocess(["A text that is exported."])["input_ids"]
    _export(Graph(), (sample,), path, {"input_ids": {1: "tokens"}})
    _settle_shapes(path)
    _fuse(path, transformer.config)


def write_general(sentence_transformer, path: Path) -> None:
    """Write the whole model (transformer, pooling and what follows) as it is, for any number of texts."""
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = sentence_transformer

        def forward(self, input_ids, attention_mask):
            return _outputs(self.model({"input_ids": input_ids, "attention_mask": attention_mask}))

    sample = sentence_transformer.preprocess(["Two texts of different length", "are exported."])
    dynamic = {"input_ids": {0: "n", 1: "tokens"}, "attention_mask": {0: "n", 1: "tokens"}}
    _export(Graph(), (sample["input_ids"], sample["attention_mask"]), path, dynamic)


def _outputs(features) -> tuple:
    return features["sentence_embedding"], features["token_embeddings"]


def _export(graph, sample: tuple, path: Path, dynamic: dict) -> None:
    import torch

    with torch.no_grad():
        torch.onnx.export(
            graph,
            sample,
            str(path),
            input_names=list(dynamic),
            output_names=list(OUTPUTS),
            dynamic_axes=dynamic,
            opset_version=OPSET,
            # The newer exporter names the output twice for this graph (torch 2.13); onnxruntime refuses the file.
            dynamo=False,
        )


def _use_plain_attention(transformer) -> None:
    """Softmax of the products, without a mask: there is no padding to leave out."""
    import torch
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    def plain(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
        # A division, not the product with `scaling`, is what onnxruntime recognises as attention.
        weights = torch.softmax(torch.matmul(query, key.transpose(2, 3)) / (1 / scaling), dim=-1)
        return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights

    AttentionInterface.register(ATTENTION, plain)
    AttentionMaskInterface.register(ATTENTION, lambda *args, **kwargs: None)
    transformer.set_attn_implementation(ATTENTION)


def _settle_shapes(path: Path) -> None:
    """Give each Reshape its shape as a constant, -1 for the text's length, and drop what worked it out."""
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    model = onnx.load(path)
    reshapes = [node for node in model.graph.node if node.op_type == "Reshape"]
    names = [node.output[0] for node in reshapes]
    probe = onnx.load(path)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    short, long = (session.run(names, {"input_ids": np.full((1, tokens), 1, dtype=np.int64)}) for tokens in PROBES)
    for node, one, other in zip(reshapes, short, long, strict=True):
        shape = np.array([a if a == b else -1 for a, b in zip(one.shape, other.shape, strict=True)], dtype=np.int64)
        if (shape == -1).sum() <= 1:
            constant = f"{node.name}_shape"
            model.graph.initializer.append(numpy_helper.from_array(shape, constant))
            node.input[1] = constant
    _drop_unused(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _drop_unused(graph) -> None:
    while True:
        used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        unused = [node for node in graph.node if used.isdisjoint(node.output)]
        if not unused:
            return
        for node in unused:
            graph.node.remove(node)


def _fuse(path: Path, config) -> None:
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    # It looks for the mask that is not there.
    options.enable_embed_layer_norm = False
    logger = logging.getLogger("onnxruntime.transformers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        fused = optimize_model(
            str(path),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            optimization_options=options,
            opt_level=0,
        )
    finally:
        logger.setLevel(level)
    fused.save_model_to_file(str(path))
