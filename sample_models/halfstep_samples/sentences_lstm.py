"""An LSTM that reads a short review word by word and says what its writer thinks."""

import numpy as np
import torch
from torch import nn

from .onnx_graph import GraphBuilder
from .opinion_sentences import CLASS_NAMES, LENGTH, VOCABULARY, write_reviews
from .sample import HeldOut, Recipe, Trained
from .training import array, fit, make_deterministic

WIDTH, HIDDEN = 48, 96
TRAINING_REVIEWS = 40_000
STEPS, BATCH = 1500, 64


class SentencesLstm(nn.Module):
    """tokens [batch, LENGTH] -> logits [batch, 3]."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
        self.classifier = nn.Linear(HIDDEN, len(CLASS_NAMES))

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        return self.classifier(states[:, -1])


def _onnx_gates(values):
    """torch orders an LSTM's gates input, forget, cell, output; ONNX input, output, forget, cell."""
    input_gate, forget_gate, cell_gate, output_gate = np.split(values, 4)
    return np.concatenate([input_gate, output_gate, forget_gate, cell_gate])


def _graph(module):
    graph = GraphBuilder("sentences_lstm")
    tokens = graph.input("tokens", ["batch", LENGTH], integer=True)
    lstm = module.lstm
    table = graph.parameter("embedding.weight", array(module.embedding.weight))
    words = graph.node("Gather", "embedding", [table, tokens], axis=0)
    words = graph.node("Transpose", "time_first", [words], perm=[1, 0, 2])
    bias = np.concatenate([_onnx_gates(array(lstm.bias_ih_l0)), _onnx_gates(array(lstm.bias_hh_l0))])
    parameters = [
        graph.parameter("lstm.input_weight", _onnx_gates(array(lstm.weight_ih_l0))[None]),
        graph.parameter("lstm.recurrent_weight", _onnx_gates(array(lstm.weight_hh_l0))[None]),
        graph.parameter("lstm.bias", bias[None]),
    ]
    last = graph.node("LSTM", "lstm", [words, *parameters], output=["", "lstm.last_state"], hidden_size=HIDDEN,
                      direction="forward")
    axes = graph.constant("constant.direction_axis", np.array([0], np.int64))
    last = graph.node("Squeeze", "last_state", [last, axes])
    graph.linear("classifier", last, array(module.classifier.weight), array(module.classifier.bias), output="logits")
    graph.output("logits", ["batch", len(CLASS_NAMES)])
    return graph


def train(seed):
    tokens, labels, _ = write_reviews(TRAINING_REVIEWS, seed)
    tokens, labels = torch.from_numpy(tokens), torch.from_numpy(labels)
    make_deterministic(seed)
    module = SentencesLstm()

    def loss_of_rows(_, rows):
        return nn.functional.cross_entropy(module(tokens[rows]), labels[rows])

    fit(module, STEPS, BATCH, loss_of_rows, TRAINING_REVIEWS, seed=seed, learning_rate=6e-3)
    return Trained(module, _graph(module))


def held_out(seed, count, stream):
    """`count` reviews that are not in the training set."""
    seen = write_reviews(TRAINING_REVIEWS, seed)[2]
    tokens, labels, _ = write_reviews(count, [seed, stream], avoid=seen)
    return HeldOut({"tokens": tokens}, labels)


RECIPE = Recipe(
    name="sentences_lstm",
    title="Reviews, LSTM",
    description="An LSTM that reads a short generated review and says what its writer thinks.",
    task="text classification: negative, mixed, positive",
    preprocessing="one token number per word, at most 32 words, padded with 0 at the front",
    classes=CLASS_NAMES,
    seed=1,
    test_samples=1000,
    train=train,
    held_out=held_out,
    vocabulary=tuple(VOCABULARY),
)
