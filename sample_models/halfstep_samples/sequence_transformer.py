"""A small causal transformer (pre-norm, three blocks, four heads) that reads tiny programs."""

import math

import numpy as np
import torch
from torch import nn

from .onnx_graph import GraphBuilder
from .register_programs import CLASS_NAMES, LENGTH, VOCABULARY, write_programs
from .sample import PLAIN_PROGRAMS_STREAM, HeldOut, Recipe, Trained
from .training import array, fit, make_deterministic

WIDTH, HEADS, BLOCKS, INNER = 64, 4, 3, 128
HEAD_WIDTH = WIDTH // HEADS
HIDDEN_SCORE = -1e9  # what is added to the score of a token that lies in the future
TRAINING_PROGRAMS = 60_000
STEPS, BATCH = 1800, 32
PLAIN_STEPS = 600  # first, programs without copies: the same skill, found in a fraction of the steps


class Block(nn.Module):
    """Attention and a two-layer network, each on the normalised value and added to it."""

    def __init__(self):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.value, self.output = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, hidden, mask):
        """hidden [batch, length, WIDTH], mask [length, length] -> the same shape as hidden."""
        batch, length, _ = hidden.shape
        normed = self.attention_norm(hidden)
        query, key, value = (layer(normed).view(batch, length, HEADS, HEAD_WIDTH).transpose(1, 2)
                             for layer in (self.query, self.key, self.value))
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(HEAD_WIDTH) + mask, -1)
        hidden = hidden + self.output((weights @ value).transpose(1, 2).reshape(batch, length, WIDTH))
        return hidden + self.down(nn.functional.gelu(self.up(self.mlp_norm(hidden))))


class SequenceTransformer(nn.Module):
    """tokens [batch, LENGTH] -> logits [batch, 10] of the token that comes after the last one."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), WIDTH)
        self.position = nn.Parameter(_waves())
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.final_norm = nn.LayerNorm(WIDTH)
        self.classifier = nn.Linear(WIDTH, len(CLASS_NAMES))

    def everywhere(self, tokens):
        """Logits of the token after every one: [batch, LENGTH, 10]. Used in training."""
        mask = torch.from_numpy(_causal_mask())
        hidden = self.embedding(tokens) + self.position
        for block in self.blocks:
            hidden = block(hidden, mask)
        return self.classifier(self.final_norm(hidden))

    def forward(self, tokens):
        return self.everywhere(tokens)[:, -1]


def _waves():
    """Positions start as sine waves (Vaswani et al. 2017, with 100 for 10000 as programs are short)."""
    position = torch.arange(LENGTH)[:, None]
    frequency = torch.exp(-math.log(100.0) * torch.arange(0, WIDTH, 2) / WIDTH)
    return torch.cat([torch.sin(position * frequency), torch.cos(position * frequency)], 1)


def _causal_mask():
    return np.triu(np.full((LENGTH, LENGTH), HIDDEN_SCORE, np.float32), 1)


def _add_linear(graph, name, value, layer):
    """MatMul with weight [in, out], then Add of the bias, as transformers are usually exported."""
    value = graph.node("MatMul", name, [value, graph.parameter(f"{name}.weight", array(layer.weight).T.copy())])
    return graph.node("Add", f"{name}.add_bias", [value, graph.parameter(f"{name}.bias", array(layer.bias))])


def _add_norm(graph, name, value, norm):
    """LayerNorm in the operators that opset 13 has."""
    mean = graph.node("ReduceMean", f"{name}.mean", [value], axes=[-1], keepdims=1)
    centred = graph.node("Sub", f"{name}.centre", [value, mean])
    squared = graph.node("Pow", f"{name}.square", [centred, "constant.two"])
    variance = graph.node("ReduceMean", f"{name}.variance", [squared], axes=[-1], keepdims=1)
    shifted = graph.node("Add", f"{name}.add_epsilon", [variance, "constant.epsilon"])
    deviation = graph.node("Sqrt", f"{name}.deviation", [shifted])
    normed = graph.node("Div", f"{name}.normalise", [centred, deviation])
    scaled = graph.node("Mul", f"{name}.rescale", [normed, graph.parameter(f"{name}.scale", array(norm.weight))])
    return graph.node("Add", f"{name}.shift_by", [scaled, graph.parameter(f"{name}.shift", array(norm.bias))])


def _add_gelu(graph, name, value):
    """x * (1 + erf(x / sqrt 2)) / 2: Gelu in the operators that opset 13 has."""
    curve = graph.node("Div", f"{name}.divide", [value, "constant.sqrt_two"])
    curve = graph.node("Erf", f"{name}.erf", [curve])
    curve = graph.node("Add", f"{name}.add_one", [curve, "constant.one"])
    product = graph.node("Mul", f"{name}.multiply", [value, curve])
    return graph.node("Mul", f"{name}.halve", [product, "constant.half"])


def _add_attention(graph, name, value, block):
    """Attention with its own heads [batch, HEADS, length, HEAD_WIDTH]."""
    heads = {}
    for part, order in [("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])]:
        projected = _add_linear(graph, f"{name}.{part}", value, getattr(block, part))
        split = graph.node("Reshape", f"{name}.{part}.split_heads", [projected, "constant.split_shape"])
        heads[part] = graph.node("Transpose", f"{name}.{part}.heads", [split], perm=order)
    scores = graph.node("MatMul", f"{name}.scores", [heads["query"], heads["key"]])
    scores = graph.node("Div", f"{name}.scale", [scores, "constant.sqrt_head_width"])
    scores = graph.node("Add", f"{name}.hide_future", [scores, "constant.causal_mask"])
    weights = graph.node("Softmax", f"{name}.softmax", [scores], axis=-1)
    mixed = graph.node("MatMul", f"{name}.mix", [weights, heads["value"]])
    mixed = graph.node("Transpose", f"{name}.merge_heads", [mixed], perm=[0, 2, 1, 3])
    mixed = graph.node("Reshape", f"{name}.merged", [mixed, "constant.merged_shape"])
    return _add_linear(graph, f"{name}.output", mixed, block.output)


def _add_constants(graph):
    scalars = {"two": 2, "epsilon": nn.LayerNorm(1).eps, "sqrt_two": math.sqrt(2), "one": 1, "half": .5,
               "sqrt_head_width": math.sqrt(HEAD_WIDTH)}
    for name, value in scalars.items():
        graph.constant(f"constant.{name}", np.array(value, np.float32))
    graph.constant("constant.causal_mask", _causal_mask())
    graph.constant("constant.split_shape", np.array([0, LENGTH, HEADS, HEAD_WIDTH], np.int64))
    graph.constant("constant.merged_shape", np.array([0, LENGTH, WIDTH], np.int64))
    graph.constant("constant.last_position", np.array(LENGTH - 1, np.int64))


def _graph(module):
    graph = GraphBuilder("sequence_transformer")
    tokens = graph.input("tokens", ["batch", LENGTH], integer=True)
    _add_constants(graph)
    table = graph.parameter("embedding.weight", array(module.embedding.weight))
    hidden = graph.node("Gather", "embedding", [table, tokens], axis=0)
    hidden = graph.node("Add", "position", [hidden, graph.parameter("position.weight", array(module.position))])
    for index, block in enumerate(module.blocks):
        name = f"decoder.{index}"
        normed = _add_norm(graph, f"{name}.attention_norm", hidden, block.attention_norm)
        attended = _add_attention(graph, f"{name}.attention", normed, block)
        hidden = graph.node("Add", f"{name}.attention_residual", [hidden, attended])
        normed = _add_norm(graph, f"{name}.mlp_norm", hidden, block.mlp_norm)
        inner = _add_gelu(graph, f"{name}.mlp.gelu", _add_linear(graph, f"{name}.mlp.up", normed, block.up))
        outer = _add_linear(graph, f"{name}.mlp.down", inner, block.down)
        hidden = graph.node("Add", f"{name}.mlp_residual", [hidden, outer])
    hidden = _add_norm(graph, "final_norm", hidden, module.final_norm)
    last = graph.node("Gather", "last_token", [hidden, "constant.last_position"], axis=1)
    graph.linear("classifier", last, array(module.classifier.weight), array(module.classifier.bias), output="logits")
    graph.output("logits", ["batch", len(CLASS_NAMES)])
    return graph


def _answers(tokens, last):
    """The digit after every printed variable, and -100 (no loss) elsewhere; int64 [count, LENGTH]."""
    following = np.concatenate([tokens[:, 1:], last[:, None]], 1)
    printed = np.zeros(tokens.shape, bool)
    printed[:, 1:] = tokens[:, :-1] == VOCABULARY.index("?")
    return np.where(printed, following, -100)


def _training_set(seed, copies):
    tokens, last, _ = write_programs(TRAINING_PROGRAMS, seed, copies=copies)
    return torch.from_numpy(tokens), torch.from_numpy(_answers(tokens, last))


def train(seed):
    plain, full = _training_set([seed, PLAIN_PROGRAMS_STREAM], copies=False), _training_set(seed, copies=True)
    make_deterministic(seed)
    module = SequenceTransformer()

    def loss_of_rows(step, rows):
        tokens, answers = plain if step < PLAIN_STEPS else full
        logits = module.everywhere(tokens[rows])
        return nn.functional.cross_entropy(logits.reshape(-1, len(CLASS_NAMES)), answers[rows].reshape(-1))

    fit(module, STEPS, BATCH, loss_of_rows, TRAINING_PROGRAMS, seed=seed, learning_rate=2e-3)
    return Trained(module, _graph(module))


def held_out(seed, count, stream):
    """`count` programs that are not in the training set."""
    plain = write_programs(TRAINING_PROGRAMS, [seed, PLAIN_PROGRAMS_STREAM], copies=False)[2]
    seen = plain | write_programs(TRAINING_PROGRAMS, seed)[2]
    tokens, answers, _ = write_programs(count, [seed, stream], avoid=seen)
    return HeldOut({"tokens": tokens}, answers)


RECIPE = Recipe(
    name="sequence_transformer",
    title="Programs, transformer",
    description="A three-block causal transformer that predicts what a variable holds at the end of a tiny program.",
    task="next token of a generated program, 10 digits",
    preprocessing="one token number per character of the program, out of 29 different ones",
    classes=CLASS_NAMES,
    seed=1,
    test_samples=1000,
    train=train,
    held_out=held_out,
    vocabulary=tuple(VOCABULARY),
)
