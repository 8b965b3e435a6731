"""The 784-100-100-10 network that quantization tutorials start with."""

import torch
from torch import nn

from .digit_images import CLASS_NAMES, IMAGE_SIZE, draw_digits
from .onnx_graph import GraphBuilder
from .sample import HeldOut, Recipe, Trained
from .training import array, fit, make_deterministic

PIXELS = IMAGE_SIZE * IMAGE_SIZE
HIDDEN = 100
TRAINING_IMAGES = 40_000
STEPS, BATCH = 4000, 128


class DigitsMlp(nn.Module):
    """image [batch, 784] -> logits [batch, 10]."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(PIXELS, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.fc3 = nn.Linear(HIDDEN, len(CLASS_NAMES))

    def forward(self, image):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(image)))))


def _graph(module):
    graph = GraphBuilder("digits_mlp")
    value = graph.input("image", ["batch", PIXELS])
    value = graph.linear("fc1", value, array(module.fc1.weight), array(module.fc1.bias))
    value = graph.node("Relu", "relu1", [value])
    value = graph.linear("fc2", value, array(module.fc2.weight), array(module.fc2.bias))
    value = graph.node("Relu", "relu2", [value])
    graph.linear("fc3", value, array(module.fc3.weight), array(module.fc3.bias), output="logits")
    graph.output("logits", ["batch", len(CLASS_NAMES)])
    return graph


def train(seed):
    images, labels = (torch.from_numpy(values) for values in draw_digits(TRAINING_IMAGES, seed))
    make_deterministic(seed)
    module = DigitsMlp()

    def loss_of_rows(_, rows):
        return nn.functional.cross_entropy(module(images[rows]), labels[rows])

    fit(module, STEPS, BATCH, loss_of_rows, TRAINING_IMAGES, seed=seed, learning_rate=2e-3, weight_decay=0.05)
    return Trained(module, _graph(module))


def held_out(seed, count, stream):
    """`count` images from a stream of random numbers of their own."""
    images, labels = draw_digits(count, [seed, stream])
    return HeldOut({"image": images}, labels)


RECIPE = Recipe(
    name="digits_mlp",
    title="Digits, fully connected",
    description="Three fully connected layers (784-100-100-10) that read handwritten-looking digits.",
    task="image classification, 10 digits",
    preprocessing="28 x 28 grey pixels, row by row, divided by 255; ink is light on a dark ground",
    classes=CLASS_NAMES,
    seed=1,
    test_samples=500,
    train=train,
    held_out=held_out,
)
