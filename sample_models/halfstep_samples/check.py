"""Are the checked-in models what the manifest says? Reads the files only, trains nothing."""

import hashlib

import numpy as np
import onnx

from . import store
from .onnx_graph import IR_VERSION, OPSET, check_model, parameter_count
from .onnx_numpy import evaluate

TOLERANCE = 1e-4  # of a logit; logits are of the order of 10, float32 sums of a few hundred terms err by 1e-5
LARGEST_FILE = 2_000_000


def largest_difference(computed, expected):
    """Largest absolute difference; infinite where the shapes differ or a value is not finite."""
    if computed.shape != expected.shape or not np.isfinite(computed).all():
        return float("inf")
    return float(np.abs(computed - expected).max())


def _file_findings(entry, content, model):
    """Does the file agree with the manifest, and with how the project writes models?"""
    properties = {item.key: item.value for item in model.metadata_props}
    names = [node.name for node in model.graph.node]
    facts = [
        (len(content) == entry["bytes"], f"has {len(content)} bytes, manifest says {entry['bytes']}"),
        (len(content) < LARGEST_FILE, f"is larger than {LARGEST_FILE} bytes"),
        (hashlib.sha256(content).hexdigest() == entry["sha256"], "has another SHA-256 than the manifest says"),
        (parameter_count(model) == entry["parameters"],
         f"has {parameter_count(model)} parameters, manifest says {entry['parameters']}"),
        (model.ir_version == IR_VERSION, f"has IR version {model.ir_version}, expected {IR_VERSION}"),
        ([item.version for item in model.opset_import] == [OPSET], f"does not use opset {OPSET} alone"),
        (all(names) and len(set(names)) == len(names), "has nodes without a name of their own"),
        (properties.get("licence") == store.LICENCE, "does not state its licence"),
        (properties.get("float_accuracy") == f"{entry['float_accuracy']:.4f}", "states another accuracy"),
        (all(value.type.tensor_type.shape.dim[0].dim_param == "batch" for value in model.graph.input),
         "has an input whose first dimension is not `batch`"),
    ]
    return [message for holds, message in facts if not holds]


def _result_findings(entry, model):
    """Does the model compute what torch computed, and is it as accurate as the manifest says?"""
    held_out = store.read_held_out(entry["name"])
    (logits,) = evaluate(model, held_out.inputs).values()
    expected = store.read_array(store.FOLDER / entry["outputs"][0]["expected"])
    difference = largest_difference(logits, expected)
    accuracy = float(np.mean(logits.argmax(1) == held_out.labels))
    facts = [
        (sorted(held_out.inputs) == sorted(item["name"] for item in entry["inputs"]), "has data for other inputs"),
        (len(held_out.labels) == entry["test_samples"], f"has {len(held_out.labels)} test samples"),
        (difference <= TOLERANCE, f"outputs differ from torch's by {difference:.2g}, more than {TOLERANCE}"),
        (abs(accuracy - entry["float_accuracy"]) < 1e-6,
         f"is right for {accuracy:.4f} of the samples, manifest says {entry['float_accuracy']:.4f}"),
    ]
    return [message for holds, message in facts if not holds], accuracy, difference


def check(entry, log=print):
    """Checks one manifest entry and its files; returns what is wrong, as sentences."""
    content = (store.FOLDER / entry["file"]).read_bytes()
    model = onnx.load_from_string(content)
    check_model(model)
    result_findings, accuracy, difference = _result_findings(entry, model)
    findings = [f"{entry['file']} {message}" for message in _file_findings(entry, content, model) + result_findings]
    log(f"{entry['file']}: {entry['parameters']} parameters, accuracy {accuracy:.2%} of {entry['test_samples']}, "
        f"largest difference from torch {difference:.1e}: {'failed' if findings else 'ok'}")
    return findings
