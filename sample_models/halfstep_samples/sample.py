"""What is a sample model? The values that training, writing, checking and the manifest share."""

from dataclasses import dataclass
from typing import Callable

import numpy as np

# Random numbers come from generators seeded with a recipe's seed (the training set) or with [seed, stream]:
CHECKED_IN_STREAM, PLAIN_PROGRAMS_STREAM, LARGER_TEST_STREAM = 1, 2, 3


@dataclass(frozen=True)
class HeldOut:
    """Held-out samples: `inputs` maps a graph input's name to its array, samples first."""

    inputs: dict[str, np.ndarray]
    labels: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A trained torch module in evaluation mode, and the ONNX graph built from its parameters."""

    module: object
    graph: object


@dataclass(frozen=True)
class Recipe:
    """How one sample model is made. Data and training depend on `seed` and on nothing else.

    `train(seed)` returns a Trained. `held_out(seed, count, stream)` returns HeldOut that
    training never saw; another stream gives other samples.
    `vocabulary` lists the words of a token model by number; it is empty for images.
    """

    name: str
    title: str
    description: str
    task: str
    preprocessing: str
    classes: list[str]
    seed: int
    test_samples: int
    train: Callable[[int], Trained]
    held_out: Callable[[int, int, int], HeldOut]
    vocabulary: tuple = ()
