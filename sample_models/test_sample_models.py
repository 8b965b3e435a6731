#!/usr/bin/env python3
"""Tests of the sample models and of what makes them: python3 sample_models/test_sample_models.py

Needs numpy and onnx, not torch. Reads the checked-in files; writes nothing.
"""

import copy
import unittest

import numpy as np
import onnx
from onnx import numpy_helper

from halfstep_samples import digit_images, opinion_sentences, register_programs, store
from halfstep_samples.check import TOLERANCE, check, largest_difference
from halfstep_samples.onnx_numpy import evaluate

ENTRIES = {entry["name"]: entry for entry in store.read_manifest()["models"]}
SAMPLES = 100  # enough for outputs to differ


def load(name):
    return onnx.load(str(store.FOLDER / ENTRIES[name]["file"]))


def change(model, tensor_name, function):
    """A copy of `model` in which one initializer is function(its values)."""
    changed = copy.deepcopy(model)
    (tensor,) = [tensor for tensor in changed.graph.initializer if tensor.name == tensor_name]
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(function(numpy_helper.to_array(tensor))), tensor_name))
    return changed


class CheckedIn(unittest.TestCase):
    def test_manifest_lists_the_four_models(self):
        self.assertEqual(list(ENTRIES), ["digits_mlp", "digits_cnn", "sequence_transformer", "sentences_lstm"])

    def test_every_model_passes_its_check(self):
        for name, entry in ENTRIES.items():
            with self.subTest(name):
                self.assertEqual(check(entry, log=lambda line: None), [])

    def test_a_wrong_accuracy_or_size_is_reported(self):
        for key, wrong in [("float_accuracy", .5), ("parameters", 1), ("bytes", 1), ("test_samples", 1)]:
            with self.subTest(key):
                self.assertTrue(check({**ENTRIES["digits_mlp"], key: wrong}, log=lambda line: None))

    def test_readme_states_the_figures_of_the_manifest(self):
        readme = (store.FOLDER / "README.md").read_text(encoding="utf-8")
        for entry in ENTRIES.values():
            self.assertIn(f"| {entry['parameters']:,} | {entry['bytes']:,} | {entry['float_accuracy']:.1%} of "
                          f"{entry['test_samples']:,} | {entry['larger_test']['float_accuracy']:.1%} |", readme)

    def test_batch_is_dynamic(self):
        for name, entry in ENTRIES.items():
            with self.subTest(name):
                expected = store.read_array(store.FOLDER / entry["outputs"][0]["expected"])
                for rows in (slice(0, 1), slice(3, 10)):
                    inputs = {key: values[rows] for key, values in store.read_held_out(name).inputs.items()}
                    (logits,) = evaluate(load(name), inputs).values()
                    self.assertLessEqual(largest_difference(logits, expected[rows]), TOLERANCE)


class ToleranceCanFail(unittest.TestCase):
    """Outputs of models that are wrong in the ways that exporters get wrong are not within the tolerance."""

    def assert_rejected(self, name, changed):
        inputs = {key: values[:SAMPLES] for key, values in store.read_held_out(name).inputs.items()}
        expected = store.read_array(store.FOLDER / ENTRIES[name]["outputs"][0]["expected"])[:SAMPLES]
        (logits,) = evaluate(changed, inputs).values()
        self.assertGreater(largest_difference(logits, expected), 10 * TOLERANCE)

    def test_transposed_weight(self):
        self.assert_rejected("digits_mlp", change(load("digits_mlp"), "fc2.weight", np.transpose))

    def test_flipped_depthwise_kernel(self):
        model = change(load("digits_cnn"), "block2.depthwise.weight", lambda kernel: kernel[..., ::-1])
        self.assert_rejected("digits_cnn", model)

    def test_other_normalisation_epsilon(self):
        model = load("digits_cnn")
        for node in model.graph.node:
            for attribute in node.attribute:
                if attribute.name == "epsilon":
                    attribute.f = 1e-3
        self.assert_rejected("digits_cnn", model)

    def test_transformer_that_sees_no_positions(self):
        self.assert_rejected("sequence_transformer", change(load("sequence_transformer"), "position.weight",
                                                            np.zeros_like))

    def test_gates_in_the_order_of_torch(self):
        def swap(values):
            first, second, third, fourth = np.split(values, 4, 1)
            return np.concatenate([first, third, fourth, second], 1)

        self.assert_rejected("sentences_lstm", change(load("sentences_lstm"), "lstm.input_weight", swap))


class Generators(unittest.TestCase):
    def test_same_seed_same_data(self):
        for generate in (digit_images.draw_digits, register_programs.write_programs, opinion_sentences.write_reviews):
            with self.subTest(generate.__module__):
                first, again, other = generate(50, 7), generate(50, 7), generate(50, 8)
                np.testing.assert_array_equal(first[0], again[0])
                np.testing.assert_array_equal(first[1], again[1])
                self.assertFalse(np.array_equal(first[0], other[0]))

    def test_digits_are_balanced_grey_images(self):
        images, labels = digit_images.draw_digits(200, 3)
        self.assertEqual(images.shape, (200, 784))
        np.testing.assert_array_equal(np.bincount(labels), 20)
        np.testing.assert_array_equal(images, np.round(images * 255).astype(np.float32) / np.float32(255))
        self.assertEqual((images.min(), images.max() <= 1), (0, True))

    def test_programs_answer_what_an_interpreter_answers(self):
        tokens, answers, _ = register_programs.write_programs(300, 4)
        for row, answer in zip(tokens, answers):
            text, values = "".join(register_programs.VOCABULARY[token] for token in row), {}
            for first, second, third in zip(text[0:-2:3], text[1:-2:3], text[2:-2:3]):
                if first == "?":
                    self.assertEqual(values[second], third)
                else:
                    values[first] = values.get(third, third)
            self.assertEqual((text[-2], values[text[-1]]), ("?", str(answer)))

    def test_reviews_follow_their_rule(self):
        tokens, labels, texts = opinion_sentences.write_reviews(2000, 5)
        self.assertEqual(len(texts), 2000)
        for row, label in zip(tokens, labels):
            review = " ".join(opinion_sentences.VOCABULARY[token] for token in row if token)
            if "<unk>" not in review:
                self.assertEqual(np.sign(opinion(review)), label - 1, review)

    def test_opinions_worked_out_by_hand(self):
        for review, strength in [
            ("the food was good .", 1),
            ("the bed is extremely horrible .", -3),
            ("the pool was rather superb .", 1),
            ("the soup is not very bad .", 1),
            ("the guide says that the view is superb .", 0),
            ("the guide rightly says that the view is superb .", 2),
            ("although the wine was awful , the view is good .", 0),
            ("the wine was superb , but the view is very dull .", -2),
            ("the wine was good and the view is dull . the staff is rude .", -1),
        ]:
            self.assertEqual(opinion(review), strength, review)


def opinion(review):
    """Reads a review and applies the rule that opinion_sentences states: the sum of the strengths."""
    first, _, third = review.removesuffix(" .").partition(" . ")
    total = clause_strength(third) if third else 0
    for start, middle, weight in [("although ", " , ", 2), ("", " , but ", 2), ("", " and ", 1)]:
        if first.startswith(start) and middle in first:
            left, _, right = first.removeprefix(start).partition(middle)
            return total + clause_strength(left) + weight * clause_strength(right)
    return total + clause_strength(first)


def clause_strength(clause):
    words = clause.split()
    if "that" in words and "rightly" not in words:
        return 0
    strengths = {word: strength for strength, group in opinion_sentences.ADJECTIVES.items() for word in group}
    strength = strengths[words[-1]]
    sign, size = np.sign(strength), abs(strength)
    if any(word in opinion_sentences.NEGATIONS for word in words):
        return -sign
    size += any(word in opinion_sentences.STRONGER for word in words)
    return sign * max(1, size - any(word in opinion_sentences.WEAKER for word in words))


if __name__ == "__main__":
    unittest.main()
