"""Models run by halfstep-cli and by ONNX Runtime from npm on the same inputs, for the tests of this folder."""

import json
import os
import shutil
import subprocess
import sys

import numpy

SKIPPED = 77
TYPES = {"float32": numpy.float32, "float64": numpy.float64, "int64": numpy.int64, "int32": numpy.int32,
         "uint8": numpy.uint8, "int8": numpy.int8, "bool": numpy.bool_, "float16": numpy.float16,
         "int16": numpy.int16, "uint16": numpy.uint16}


def install(folder):
    if os.path.isdir(os.path.join(folder, "node_modules", "onnxruntime-node")):
        return
    if shutil.which("npm") is None or shutil.which("node") is None:
        print("skipped: ONNX Runtime comes from npm, and npm or node is not installed")
        sys.exit(SKIPPED)
    os.makedirs(folder, exist_ok=True)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "onnxruntime-node"]
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode != 0:
        print("skipped: npm could not install onnxruntime-node")
        sys.exit(SKIPPED)


def run_ours(program, model, inputs, folder):
    command = [program, "run", model, "--json", "--output", os.path.join(folder, "ours")]
    for i, (name, array) in enumerate(inputs.items()):
        path = os.path.join(folder, f"in_{i}.npy")
        numpy.save(path, array)
        command += ["--input", f"{name}={path}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return done.stderr.decode().strip()
    report = json.loads(done.stdout)
    return {output["name"]: numpy.load(output["file"]) for output in report["outputs"]}


def run_theirs(model, inputs, folder, runtime, optimization="all", optimized=None):
    job = {"inputs": [], "output": folder, "optimization": optimization, "optimized": optimized}
    for i, (name, array) in enumerate(inputs.items()):
        path = os.path.join(folder, f"in_{i}.bin")
        array.tofile(path)
        job["inputs"].append({"name": name, "type": str(array.dtype), "dims": list(array.shape), "file": path})
    job_file = os.path.join(folder, "job.json")
    with open(job_file, "w", encoding="utf-8") as file:
        json.dump(job, file)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnxruntime_run.mjs")
    done = subprocess.run(["node", script, runtime, model, job_file], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        lines = done.stderr.decode().strip().splitlines()
        return next((line for line in lines if "Error" in line), "it stops")
    report = json.loads(done.stdout)
    return {output["name"]: numpy.fromfile(output["file"], TYPES[output["type"]]).reshape(output["dims"])
            for output in report["outputs"]}
