"""A small MobileNet: inverted residuals with depthwise convolutions, batch normalisation not folded.

The activation is Relu, not Relu6, so that rescaling one layer against the next (cross-layer equalisation) is exact.
"""

import torch
from torch import nn

from .digit_images import CLASS_NAMES, IMAGE_SIZE, draw_digits
from .onnx_graph import GraphBuilder
from .sample import HeldOut, Recipe, Trained
from .training import array, fit, make_deterministic

STEM_CHANNELS = 16
BLOCKS = [  # (name, channels in, expanded, out, stride); the shapes from 14 x 14 down to 4 x 4
    ("block1", 16, 48, 16, 1),
    ("block2", 16, 64, 32, 2),
    ("block3", 32, 96, 32, 1),
    ("block4", 32, 128, 48, 2),
]
HEAD_CHANNELS = 128
TRAINING_IMAGES = 40_000
STEPS, BATCH = 1400, 64


class ConvolutionNorm(nn.Module):
    """Convolution without bias, then batch normalisation."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, value):
        return self.norm(self.conv(value))


class InvertedResidual(nn.Module):
    """Widen with 1 x 1, filter every channel alone with 3 x 3, narrow with 1 x 1; add the input where shapes agree."""

    def __init__(self, inputs, expanded, outputs, stride):
        super().__init__()
        self.expand = ConvolutionNorm(inputs, expanded, 1)
        self.depthwise = ConvolutionNorm(expanded, expanded, 3, stride, groups=expanded)
        self.project = ConvolutionNorm(expanded, outputs, 1)
        self.keeps_shape = stride == 1 and inputs == outputs

    def forward(self, value):
        result = self.project(torch.relu(self.depthwise(torch.relu(self.expand(value)))))
        return value + result if self.keeps_shape else result


class DigitsCnn(nn.Module):
    """image [batch, 1, 28, 28] -> logits [batch, 10]."""

    def __init__(self):
        super().__init__()
        self.stem = ConvolutionNorm(1, STEM_CHANNELS, 3, 2)
        self.blocks = nn.ModuleList(InvertedResidual(*shape) for _, *shape in BLOCKS)
        self.head = ConvolutionNorm(BLOCKS[-1][3], HEAD_CHANNELS, 1)
        self.classifier = nn.Linear(HEAD_CHANNELS, len(CLASS_NAMES))

    def forward(self, image):
        value = torch.relu(self.stem(image))
        for block in self.blocks:
            value = block(value)
        value = torch.relu(self.head(value))
        return self.classifier(value.mean((2, 3)))


def _add_convolution(graph, name, norm_name, value, unit):
    """Conv and BatchNormalization nodes with their parameters."""
    conv, norm = unit.conv, unit.norm
    value = graph.node("Conv", name, [value, graph.parameter(f"{name}.weight", array(conv.weight))],
                       kernel_shape=list(conv.kernel_size), strides=list(conv.stride),
                       pads=list(conv.padding) * 2, group=conv.groups)
    statistics = [("scale", norm.weight), ("shift", norm.bias), ("mean", norm.running_mean),
                  ("variance", norm.running_var)]
    parameters = [graph.parameter(f"{norm_name}.{what}", array(values)) for what, values in statistics]
    return graph.node("BatchNormalization", norm_name, [value, *parameters], epsilon=norm.eps)


def _add_block(graph, name, value, block):
    result = value
    for part, unit in [("expand", block.expand), ("depthwise", block.depthwise)]:
        result = _add_convolution(graph, f"{name}.{part}", f"{name}.{part}_norm", result, unit)
        result = graph.node("Relu", f"{name}.{part}_relu", [result])
    result = _add_convolution(graph, f"{name}.project", f"{name}.project_norm", result, block.project)
    return graph.node("Add", f"{name}.add", [value, result]) if block.keeps_shape else result


def _graph(module):
    graph = GraphBuilder("digits_cnn")
    value = graph.input("image", ["batch", 1, IMAGE_SIZE, IMAGE_SIZE])
    value = _add_convolution(graph, "stem", "stem_norm", value, module.stem)
    value = graph.node("Relu", "stem_relu", [value])
    for (name, *_), block in zip(BLOCKS, module.blocks):
        value = _add_block(graph, name, value, block)
    value = _add_convolution(graph, "head", "head_norm", value, module.head)
    value = graph.node("Relu", "head_relu", [value])
    value = graph.node("GlobalAveragePool", "pool", [value])
    value = graph.node("Flatten", "flatten", [value], axis=1)
    graph.linear("classifier", value, array(module.classifier.weight), array(module.classifier.bias), output="logits")
    graph.output("logits", ["batch", len(CLASS_NAMES)])
    return graph


def _as_images(pixels):
    return pixels.reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE)


def train(seed):
    pixels, labels = draw_digits(TRAINING_IMAGES, seed)
    images, labels = torch.from_numpy(_as_images(pixels)), torch.from_numpy(labels)
    make_deterministic(seed)
    module = DigitsCnn()

    def loss_of_rows(_, rows):
        return nn.functional.cross_entropy(module(images[rows]), labels[rows])

    fit(module, STEPS, BATCH, loss_of_rows, TRAINING_IMAGES, seed=seed, learning_rate=6e-3)
    return Trained(module, _graph(module))


def held_out(seed, count, stream):
    """`count` images from a stream of random numbers of their own: those of digits_mlp."""
    pixels, labels = draw_digits(count, [seed, stream])
    return HeldOut({"image": _as_images(pixels)}, labels)


RECIPE = Recipe(
    name="digits_cnn",
    title="Digits, depthwise convolutions",
    description="A small MobileNet with batch normalisation left unfolded that reads the same digits.",
    task="image classification, 10 digits",
    preprocessing="28 x 28 grey pixels divided by 255; ink is light on a dark ground",
    classes=CLASS_NAMES,
    seed=1,
    test_samples=500,
    train=train,
    held_out=held_out,
)
