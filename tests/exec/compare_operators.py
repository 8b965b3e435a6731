"""Single operators against NumPy, PyTorch and ONNX Runtime: compare_operators.py HALFSTEP_CLI WORK_FOLDER [WORD]

For operators that ONNX's test cases (conformance.py) do not cover: later operator sets, and com.microsoft. Every case
of operator_cases.py and contrib_cases.py is run by halfstep-cli and compared with what the case computes itself, and with ONNX Runtime
where that is installed and knows the operator. WORD: only cases with it in their names.
"""

import os
import sys
import tempfile

import contrib_cases
import numpy
import onnx
from model_runs import SKIPPED, install, run_ours, run_theirs
from operator_cases import CASES

TOLERANCE = 2e-5  # of the largest number; float32 sums of some hundred products


def save_model(node, inputs, outputs, opset, path):
    infos = [onnx.helper.make_tensor_value_info(name, onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype], array.shape)
             for name, array in inputs.items()]
    made = [onnx.helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = onnx.helper.make_graph([node], "case", infos, made)
    opsets = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid("com.microsoft", 1)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def difference(got, expected, step=0):
    """What is wrong; None where nothing is. Integers are to be equal, or within `step`."""
    if got.shape != expected.shape:
        return f"shape {got.shape}, expected {expected.shape}"
    a, b = got.astype(numpy.float64), expected.astype(numpy.float64)
    a, b = (numpy.where(x < -3e38, -numpy.inf, x) for x in (a, b))  # the lowest float masks as well as -inf does
    special = ~numpy.isfinite(b)
    if not numpy.array_equal(a[special], b[special], equal_nan=True):
        return "infinities or NaN differ"
    apart = numpy.abs(a[~special] - b[~special]).max(initial=0.0)
    scale = max(1e-3, numpy.abs(b[~special]).max(initial=0.0))
    allowed = step if numpy.issubdtype(expected.dtype, numpy.integer) else TOLERANCE * scale
    return f"differs by {apart:.3g} of {scale:.3g}" if apart > allowed else None


def saturates(runtime):
    """Whether ONNX Runtime adds products of uint8 and int8 in 16 bits, as it does on CPUs without VNNI."""
    a, b = numpy.full((1, 8), 255, numpy.uint8), numpy.full((8, 1), 127, numpy.int8)
    node = onnx.helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "probe.onnx")
        save_model(node, {"a": a, "b": b}, ["y"], 13, path)
        theirs = run_theirs(path, {"a": a, "b": b}, folder, runtime)
    return isinstance(theirs, dict) and theirs["y"].item() != 8 * 255 * 127


def verdicts(program, runtime, folder, case, saturating):
    """The mistakes found, and how many opinions there were."""
    name, node, inputs, outputs, expected, opset = case
    if saturating and any(array.dtype == numpy.int8 for array in inputs.values()):
        if expected is None:  # codes of 7 bits, whose products fit
            inputs = {label: numpy.asarray(array // 2, array.dtype) if array.dtype == numpy.int8 else array
                      for label, array in inputs.items()}
        else:
            runtime = None
    path = os.path.join(folder, "case.onnx")
    save_model(node, inputs, outputs, opset, path)
    ours = run_ours(program, path, inputs, folder)
    if not isinstance(ours, dict):
        return [ours], 1
    opinions = {}
    if expected is not None:
        computed = dict(zip(node.output, expected(*inputs.values())))
        opinions["NumPy"] = {output: numpy.asarray(computed[output]) for output in outputs}
    asked = runtime and name not in contrib_cases.NOT_COMPARED
    theirs = run_theirs(path, inputs, folder, runtime) if asked else "it is not asked"
    if isinstance(theirs, dict):
        opinions["ONNX Runtime"] = theirs
    wrong = []
    for who, values in opinions.items():
        for output in outputs:
            # ONNX Runtime rescales codes otherwise than ONNX says: a tie may fall to the other side.
            step = 1 if who == "ONNX Runtime" and values[output].dtype.itemsize == 1 else 0
            if (apart := difference(ours[output], values[output], step)) is not None:
                wrong.append(f"{output}: {who}: {apart}")
            # An answer that is wrong on purpose must be told apart.
            shifted = ~ours[output] if ours[output].dtype == bool else ours[output] + numpy.asarray(2, ours[output].dtype)
            if shifted.size and difference(shifted, values[output], step) is None:
                wrong.append(f"{output}: a wrong answer is not told apart")
    if not opinions:
        print(f"{name:40} nobody to compare with: {theirs}")
    return wrong, len(opinions)


def main(program, work, word=""):
    runtime = work if os.path.isdir(os.path.join(work, "node_modules", "onnxruntime-node")) else None
    if runtime is None:
        try:
            install(work)
            runtime = work
        except SystemExit:
            pass  # it said why; what NumPy computes is compared
    failures = compared = 0
    contrib_cases.add()
    saturating = runtime is not None and saturates(runtime)
    if saturating:
        print("ONNX Runtime saturates in 16 bits here, as the CPU has no VNNI: it is asked about int8 codes of 7 bits only")
    for case in CASES:
        if word not in case[0]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            wrong, opinions = verdicts(program, runtime, folder, case, saturating)
        compared += 1 if opinions else 0
        failures += 1 if wrong else 0
        for line in wrong:
            print(f"{case[0]:40} {line}")
    print(f"{compared} of {len(CASES)} cases compared, {failures} failed")
    if compared == 0:
        sys.exit(SKIPPED)
    sys.exit(1 if failures else 0)


main(*sys.argv[1:])
