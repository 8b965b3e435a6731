"""Calibrations of `halfstep-cli calibrate`, read with h5py and computed a second time with NumPy.

check_calibration.py PATH_OF_HALFSTEP_CLI
"""

import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLI = sys.argv[1]
failures = []


def check(what, holds):
    print(("ok    " if holds else "WRONG ") + what)
    if not holds:
        failures.append(what)


def make_model(path, weights):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])
    nodes = [helper.make_node("Gemm", ["x", "w"], ["a/b"], name="fc", transB=1),
             helper.make_node("Relu", ["a/b"], ["y"], name="relu")]
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)


def main():
    random = np.random.default_rng(3)
    weights = random.normal(size=(8, 16)).astype(np.float32)
    samples = random.normal(size=(40, 16)).astype(np.float32)
    samples[11] *= 7
    with tempfile.TemporaryDirectory(prefix="halfstep-calibration-") as folder:
        model, data, saved = (os.path.join(folder, name) for name in ("m.onnx", "x.npy", "c.h5"))
        make_model(model, weights)
        np.save(data, samples)
        done = subprocess.run([CLI, "calibrate", model, "--data", data, "--save", saved, "--scheme",
                               "int8:tensor:pct99", "--json"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        report = {value["name"]: value for value in json.loads(done.stdout)["tensors"]}
        expected = {"x": samples, "a/b": samples @ weights.T, "y": np.maximum(samples @ weights.T, 0)}
        with h5py.File(saved, "r") as file:
            check("format and samples", file.attrs["format"].decode() == "halfstep_calibration" and
                  len(file["samples"]) == 40)
            groups = {group.attrs["name"].decode(): group for group in file["values"].values()}
            check("all values are there", set(groups) == set(expected))
            for name, values in expected.items():
                group = groups[name]
                near = lambda a, b: abs(a - b) <= 2e-5 * max(1.0, abs(b))
                check(f"{name}: count, range, mean",
                      group.attrs["count"] == values.size and near(group.attrs["min"], values.min()) and
                      near(group.attrs["max"], values.max()) and near(group.attrs["mean"], values.mean()))
                check(f"{name}: standard deviation",
                      near(np.sqrt(group.attrs["m2"] / values.size), values.astype(np.float64).std()))
                counts = group["histogram"][:]
                width = 2.0 ** group.attrs["histogram_exponent"]
                edges = (np.arange(counts.size + 1) - counts.size // 2) * width
                theirs = np.histogram(values[values != 0], edges)[0]
                check(f"{name}: histogram", np.abs(counts - theirs).sum() <= 4 and counts.sum() == theirs.sum() and
                      np.abs(np.roll(counts, 1) - theirs).sum() > 100)  # one bin off must not pass
                check(f"{name}: ranges of samples", np.allclose(group["sample_max"][:], values.max(axis=1), atol=2e-5))
                check(f"{name}: ranges of channels", np.allclose(group["channel_min"][:], values.min(axis=0), atol=2e-5))
                bound = np.quantile(np.abs(values), 0.99, method="higher")
                check(f"{name}: percentile", abs(report[name]["range"][1] - bound) <= 2 * width)
            check("the sample that sets the bound", report["x"]["max_sample"] == report["x"]["min_sample"] or
                  "11" in report["x"]["max_sample"])
    sys.exit(1 if failures else 0)


main()
