"""Whole models against ONNX Runtime: compare_onnxruntime.py HALFSTEP_CLI SOURCE_FOLDER WORK_FOLDER

Installs onnxruntime-node from npm (without its scripts) and runs every ONNX file of the sample models, and of the
shared models where they are there (HALFSTEP_MODELS, or ../shared/models), on the same seeded inputs in both
programs. Skipped, with the reason, where npm is not to be had.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
from model_runs import SKIPPED, TYPES, install, run_ours, run_theirs

# Inputs whose values mean something: a sampling rate, token numbers.
MEANT = {"sr": 16000}
# Models that take pixels of 0…255: the differences of smaller ones vanish in normalizations.
BYTES = {"candy.onnx"}
# Sizes that a file leaves open and that cannot be 1.
SIZES = {"silero_vad": {"input": [1, 512]}}


def make_inputs(program, model, random):
    described = json.loads(subprocess.run([program, "inspect", model, "--json"], check=True,
                                          stdout=subprocess.PIPE).stdout)
    inputs = {}
    for value in described["inputs"]:
        shape = [size if isinstance(size, int) and size > 0 else 1 for size in value["shape"] or []]
        for model_name, sizes in SIZES.items():
            if os.path.basename(model).startswith(model_name):
                shape = sizes.get(value["name"], shape)
        kind = TYPES[value["dtype"]]
        if value["name"] in MEANT:
            array = numpy.full(shape, MEANT[value["name"]], kind)
        elif numpy.issubdtype(kind, numpy.floating):
            scale = 255.0 if os.path.basename(model) in BYTES else 1.0
            array = (scale * random.uniform(-1 if scale == 1 else 0, 1, shape)).astype(kind)
        else:
            array = random.integers(0, 8, shape).astype(kind)
        inputs[value["name"]] = array
    return inputs


def operators(model):
    return " ".join(node.op_type for node in onnx.load(model, load_external_data=False).graph.node)


def show_codes(model, folder):
    """A copy of a model whose integer operators' results are outputs too, and their names in the graph's order."""
    graph_file = onnx.load(model)
    zero_points = {constant.name: constant.data_type for constant in graph_file.graph.initializer}
    outputs = {output.name for output in graph_file.graph.output}
    names = []
    for node in graph_file.graph.node:
        types = [zero_points[name] for name in node.input if zero_points.get(name) in (2, 3)]
        if node.op_type.startswith("QLinear") and types and node.output[0] not in outputs:
            names.append(node.output[0])
            graph_file.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], types[-1], None))
    path = os.path.join(folder, "codes.onnx")
    onnx.save(graph_file, path)
    return path, names


def compare_codes(program, model, inputs, folder, runtime):
    """Whether two runs of an integer network differ by ties only, and what was seen.

    ONNX Runtime rescales in float32, so that a sum near the middle of two codes can fall to the other side; the
    operators behind it then work on other numbers. So: up to the first value that differs all are equal, there at
    most one in a thousand codes differs, by one step, and what comes out is the same but for noise.
    """
    path, names = show_codes(model, folder)
    theirs = run_theirs(path, inputs, folder, runtime)
    ours = run_ours(program, path, inputs, folder)
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return False, f"{theirs if not isinstance(theirs, dict) else ours}"
    good, seen = True, f"all of {len(names)} values equal"
    for name in names:
        apart = numpy.abs(theirs[name].astype(numpy.int64) - ours[name].astype(numpy.int64))
        if apart.any():
            good = apart.max() == 1 and numpy.count_nonzero(apart) <= max(1, apart.size // 1000)
            seen = f"{name}: {numpy.count_nonzero(apart)} of {apart.size} codes differ by up to {apart.max()}"
            break
    for name in set(theirs) - set(names):
        a, b = ours[name].astype(numpy.float64), theirs[name].astype(numpy.float64)
        noise = numpy.square(a - b).sum() / max(numpy.square(b).sum(), 1e-30)
        good = good and noise < 0.2
        seen += f"; {name}: noise {noise:.2g} of its power"
    return good, seen


def difference(ours, theirs):
    """The largest |a − b| over max(1e-3, the largest |b|) of any output; None where they do not compare."""
    worst = 0.0
    for name, expected in theirs.items():
        got = ours.get(name)
        if got is None or got.shape != expected.shape or got.dtype != expected.dtype:
            return None
        if expected.size == 0:
            continue
        a, b = got.astype(numpy.float64), expected.astype(numpy.float64)
        if not numpy.array_equal(numpy.isnan(a), numpy.isnan(b)):
            return None
        step = 1.0 if numpy.issubdtype(expected.dtype, numpy.integer) else 0.0
        error = numpy.nanmax(numpy.maximum(numpy.abs(a - b) - step, 0.0), initial=0.0)
        worst = max(worst, error / max(1e-3, numpy.nanmax(numpy.abs(b), initial=0.0)))
    return worst


def main(program, source, work):
    install(work)
    shared = os.environ.get("HALFSTEP_MODELS", os.path.join(source, "..", "shared", "models"))
    models = sorted(glob.glob(os.path.join(source, "sample_models", "*.onnx")) +
                    glob.glob(os.path.join(shared, "**", "*.onnx"), recursive=True))
    failures = 0
    compared = 0
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            random = numpy.random.default_rng(list(os.path.basename(model).encode()))
            inputs = make_inputs(program, model, random)
            theirs = run_theirs(model, inputs, folder, work)
            if not isinstance(theirs, dict):
                print(f"{os.path.basename(model):44} ONNX Runtime refuses it: {theirs}")
                continue
            compared += 1
            ours = run_ours(program, model, inputs, folder)
            half = any(array.dtype == numpy.float16 for array in theirs.values()) or "half" in model
            tolerance = 1e-3 if half else 1e-4
            apart = difference(ours, theirs) if isinstance(ours, dict) else ours
            good = isinstance(apart, float) and apart <= tolerance
            if not good and isinstance(ours, dict) and "QLinear" in operators(model):
                good, apart = compare_codes(program, model, inputs, folder, work)
            # An answer that is wrong on purpose must be told apart.
            wrong = {name: array + numpy.asarray(2, array.dtype) for name, array in theirs.items()
                     if array.dtype != numpy.bool_}
            rejected = difference({**theirs, **wrong}, theirs) or 1.0
            good = good and rejected > tolerance
            failures += 0 if good else 1
            print(f"{os.path.basename(model):44} {'ok' if good else 'DIFFERS':8} {apart}")
    print(f"{compared} of {len(models)} models compared, {failures} failed")
    if compared == 0:
        print("skipped: ONNX Runtime runs none of them here")
        sys.exit(SKIPPED)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
