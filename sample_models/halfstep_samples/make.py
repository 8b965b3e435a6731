"""How does one sample model come about? Trains it, writes everything that belongs to it, checks it."""

import time

import numpy as np
import onnx

from . import store
from .check import TOLERANCE, largest_difference
from .onnx_numpy import evaluate
from .sample import CHECKED_IN_STREAM, LARGER_TEST_STREAM
from .training import logits_of

LARGER_TEST = 10_000  # samples; its accuracy is known to about 0.2 points, that of the checked-in ones to about 1 point


def _accuracy(logits, labels):
    return float(np.mean(logits.argmax(1) == labels))


def make(recipe, log=print):
    """Trains, writes model, data and expected outputs, and returns the manifest's entry."""
    log(f"{recipe.name}: training with seed {recipe.seed}")
    started = time.monotonic()
    trained = recipe.train(recipe.seed)
    log(f"{recipe.name}: trained in {time.monotonic() - started:.0f} s")
    larger = recipe.held_out(recipe.seed, LARGER_TEST, LARGER_TEST_STREAM)
    larger_accuracy = _accuracy(logits_of(trained.module, larger.inputs), larger.labels)

    held_out = recipe.held_out(recipe.seed, recipe.test_samples, CHECKED_IN_STREAM)
    expected = logits_of(trained.module, held_out.inputs)
    accuracy = _accuracy(expected, held_out.labels)
    model = trained.graph.model(recipe.description, store.metadata(recipe, accuracy))
    path = store.write_model(recipe, model)
    (computed,) = evaluate(onnx.load(str(path)), held_out.inputs).values()
    difference = largest_difference(computed, expected)
    if difference > TOLERANCE:
        raise RuntimeError(f"{path.name}: outputs differ from torch's by {difference:.2g}, more than {TOLERANCE}")

    store.write_arrays(store.FOLDER / store.data_folder(recipe.name), {**held_out.inputs, "labels": held_out.labels})
    store.write_arrays(store.FOLDER / store.expected_folder(recipe.name), {"logits": expected})
    entry = store.manifest_entry(recipe, held_out, (accuracy, larger_accuracy, LARGER_TEST))
    log(f"{recipe.name}: accuracy {accuracy:.2%} of {recipe.test_samples}, {larger_accuracy:.2%} of {LARGER_TEST}; "
        f"{entry['bytes']} bytes; torch and numpy differ by {difference:.1e}")
    return entry
