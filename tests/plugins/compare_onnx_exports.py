"""Exported ONNX models in ONNX Runtime: compare_onnx_exports.py HALFSTEP_CLI SOURCE_FOLDER WORK_FOLDER

Exports every sample model, and every shared model where they are there (HALFSTEP_MODELS, or ../shared/models), in
every form, and runs the files in ONNX Runtime and in our executor on the same inputs. `export` itself compares our
run with the forecast (the original under simulated quantization); together the two say how far ONNX Runtime is from
the forecast. Skipped, with the reason, where npm is not to be had.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx

# Form, plan, the level of ONNX Runtime's optimizer, and what has to hold between it and our run of the file.
# Weights alone are compared at level "basic": above it ONNX Runtime makes products of their blocks with inputs
# rounded to int8 (MatMulNBits with accuracy level 4), which is its choice and not in the file.
FORMS = [
    ("onnx-qdq", ["--weights", "int8"], "basic", {"relative": 1e-5}),
    ("onnx-qdq", ["--weights", "int4:group32"], "basic", {"relative": 1e-5}),
    ("onnx-qdq", ["--weights", "int8", "--activations", "uint8:tensor"], "all", {"sqnr": 40.0, "top1": 0.99}),
    ("onnx-dynamic", ["--weights", "int8", "--activations", "dynamic:uint8:tensor"], "all", {"sqnr": 40.0, "top1": 0.99}),
    ("onnx-matmulnbits", ["--weights", "int4:group32"], "all", {"relative": 1e-5}),
    ("onnx-fp16", ["--weights", "fp16"], "all", {"original": 35.0}),
    ("onnx-bf16", ["--weights", "bf16"], "basic", {"relative": 1e-5}),
]
# "original": the SQNR between the file and the float32 original, both in ONNX Runtime.
# What a form cannot do for a model, and why: the export has to say so in these words.
REFUSED = {("candy", "onnx-dynamic"): "ImageScaler"}
# Sizes that files leave open: of the samples that are drawn for them.
SHAPES = {"silero_vad": ["--shape", "input=1,512"]}
MOST_ROWS = 200
# Samples that are drawn for a model without data; fewer for one that takes pictures of 720 × 720.
DRAWN = {"candy": 1}


def relative(ours, theirs):
    """The largest |a − b| over the largest |b| of any floating-point output."""
    worst = 0.0
    for name, expected in theirs.items():
        if expected.dtype.kind == "f" and expected.size:
            a, b = ours[name].astype(numpy.float64), expected.astype(numpy.float64)
            worst = max(worst, numpy.abs(a - b).max() / max(numpy.abs(b).max(), 1e-3))
    return worst


def sqnr(ours, theirs):
    signal = noise = 0.0
    for name, expected in theirs.items():
        if expected.dtype.kind == "f":
            signal += numpy.square(ours[name].astype(numpy.float64)).sum()
            noise += numpy.square(ours[name].astype(numpy.float64) - expected).sum()
    return 10 * numpy.log10(signal / noise) if noise > 0 else numpy.inf


def top1(ours, theirs):
    """Share of rows with the same class where the only output is [rows, classes] or [rows, positions, tokens]; 1
    otherwise: the outputs of detectors are boxes and masks."""
    name = next(iter(theirs))
    if len(theirs) > 1 or theirs[name].ndim not in (2, 3) or theirs[name].shape[-1] < 2:
        return 1.0
    return float(numpy.mean(ours[name].argmax(-1) == theirs[name].argmax(-1)))


def judge(wanted, ours, theirs, original, floor):
    """`floor`: how far the two programs are apart on the original, which no export can improve."""
    figures = {"relative": relative(ours, theirs), "sqnr": sqnr(ours, theirs), "top1": top1(ours, theirs)}
    if "relative" in wanted:
        return figures["relative"] <= max(wanted["relative"], 4 * floor), figures
    if "original" in wanted:
        return sqnr(original, theirs) >= wanted["original"], figures
    return figures["sqnr"] >= wanted["sqnr"] and figures["top1"] >= wanted["top1"], figures


def own_noise(program, path, inputs, folder, random, tools):
    """What rounding alone does to this model: the SQNR between two runs of ours whose inputs differ by a few units in
    the last place of float32. Where pairs stand on the values, a value in the middle of two codes falls to either
    side, and the layers behind it see another number; two programs that add in another order differ as much."""
    shaken = {name: (values * (1 + random.uniform(-1, 1, values.shape) * 2.0 ** -20)).astype(values.dtype)
              if values.dtype.kind == "f" else values for name, values in inputs.items()}
    return sqnr(tools.run_ours(program, path, inputs, folder), tools.run_ours(program, path, shaken, folder))


def lint_difference(program, model, plan, samples, path, inputs, folder, runtime, tools):
    """The Conv and Gemm nodes on which `check` and the graph that ONNX Runtime makes of the file disagree: whether they
    are computed in float."""
    optimized = os.path.join(folder, "optimized.onnx")
    if not isinstance(tools.run_theirs(path, inputs, folder, runtime, "extended", optimized), dict):
        return []
    nodes = {node.name for node in onnx.load(model, load_external_data=False).graph.node
             if node.op_type in ("Conv", "Gemm") and node.name}
    floating = {node.name for node in onnx.load(optimized, load_external_data=False).graph.node
                if node.op_type in ("Conv", "FusedConv", "Gemm", "FusedGemm")}
    done = subprocess.run([program, "check", model, "--to", "onnx-qdq", *plan, *samples, "--json"],
                          capture_output=True, text=True, check=True)
    found = {finding["layer"] for finding in json.loads(done.stdout)["findings"]
             if finding["what"] == "is computed in float"}
    return sorted((found ^ floating) & nodes)


def sample_inputs(program, source, model, random, tools):
    """The data that comes with a sample model, many rows at once; otherwise values drawn at random."""
    folder = os.path.join(source, "sample_models", "data", os.path.splitext(os.path.basename(model))[0])
    if "sample_models" not in model or not os.path.isdir(folder):
        return tools.make_inputs(program, model, random), []
    graph = onnx.load(model, load_external_data=False).graph
    inputs = {value.name: numpy.load(os.path.join(folder, value.name + ".npy"))[:MOST_ROWS] for value in graph.input}
    return inputs, ["--data", folder]


def main(program, source, work):
    sys.path.insert(0, os.path.join(source, "tests", "exec"))
    import compare_onnxruntime as tools
    tools.install(work)
    shared = os.environ.get("HALFSTEP_MODELS", os.path.join(source, "..", "shared", "models"))
    models = sorted(glob.glob(os.path.join(source, "sample_models", "*.onnx")) +
                    glob.glob(os.path.join(shared, "**", "*.onnx"), recursive=True))
    failures = compared = 0
    for model in models:
        base = os.path.splitext(os.path.basename(model))[0]
        shapes = next((options for name, options in SHAPES.items() if base.startswith(name)), [])
        with tempfile.TemporaryDirectory() as folder:
            random = numpy.random.default_rng(list(os.path.basename(model).encode()))
            inputs, data = sample_inputs(program, source, model, random, tools)
            original = tools.run_theirs(model, inputs, folder, work)
            ours = tools.run_ours(program, model, inputs, folder)
            if not isinstance(original, dict) or not isinstance(ours, dict):
                print(f"{base:38} cannot be compared: {original if not isinstance(original, dict) else ours}")
                continue
            floor = relative(ours, original)
            for form, plan, level, wanted in FORMS:
                path = os.path.join(folder, "exported.onnx")
                samples = [*shapes, *data, "--samples", "64" if data else str(DRAWN.get(base, 4))]
                done = subprocess.run([program, "export", model, "--to", form, "--out", path, *plan, *samples,
                                       "--check-samples", "4", "--json"],
                                      capture_output=True, text=True)
                label = f"{base:38} {form:17} {plan[1]:13}"
                if done.returncode != 0:
                    expected = REFUSED.get((base, form))
                    good = expected is not None and expected in done.stderr
                    failures += 0 if good else 1
                    print(f"{label} {'refused' if good else 'FAILS'}: {done.stderr.strip().splitlines()[-1][:160]}")
                    continue
                verified = json.loads(done.stdout)["verified"]
                theirs = tools.run_theirs(path, inputs, folder, work, level)
                got = tools.run_ours(program, path, inputs, folder)
                compared += 1
                if not isinstance(theirs, dict) or not isinstance(got, dict):
                    failures += 1
                    print(f"{label} FAILS: {theirs if not isinstance(theirs, dict) else got}")
                    continue
                good, figures = judge(wanted, got, theirs, original, floor)
                note = ""
                if not good and "sqnr" in wanted:
                    # Ties of rounding: the bar is what our own programs differ by that ought to compute the same,
                    # less the scatter of that figure from input to input.
                    noise = min(own_noise(program, path, inputs, folder, random, tools), verified["sqnr_db"] or numpy.inf)
                    good = figures["sqnr"] >= max(30.0, noise - 10.0) and figures["top1"] >= wanted.get("top1", 0.0)
                    note = f"; by rounding alone ours differ by {noise:.0f} dB"
                # Answers that are wrong on purpose must be told apart.
                wrong = {name: values * 1.05 + 0.05 if values.dtype.kind == "f" else values for name, values in got.items()}
                if "original" in wanted:
                    wrong = {name: values * 1.05 + 0.05 if values.dtype.kind == "f" else values for name, values in original.items()}
                good = good and not judge(wanted, wrong, theirs, wrong, floor)[0]
                if form == "onnx-qdq" and level == "all":
                    apart = lint_difference(program, model, plan, samples, path, inputs, folder, work, tools)
                    good = good and not apart
                    note += f"; check is wrong about {apart[:3]}" if apart else "; check agrees"
                failures += 0 if good else 1
                forecast = "equal" if verified["exact"] else f"{verified['sqnr_db'] or float('nan'):.0f} dB"
                print(f"{label} {'ok' if good else 'DIFFERS':8} relative {figures['relative']:.1e}, {figures['sqnr']:.0f} dB, "
                      f"top-1 {figures['top1']:.3f}; ours to the forecast: {forecast}{note}", flush=True)
    print(f"{compared} exports of {len(models)} models compared, {failures} failed")
    if compared == 0:
        print("skipped: ONNX Runtime runs none of them here")
        sys.exit(tools.SKIPPED)
    sys.exit(1 if failures else 0)


main(*sys.argv[1:])
