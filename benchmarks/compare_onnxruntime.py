"""Float inference beside ONNX Runtime, the same threads in one run.

compare_onnxruntime.py HALFSTEP_CLI RUNTIME_FOLDER MODEL…

RUNTIME_FOLDER is where the test compare_onnxruntime installed onnxruntime-node (build/dev/onnxruntime). Prints the
fastest of many runs of both and their ratio.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy

RUNS = 40


def main(program, runtime, models):
    here = os.path.dirname(os.path.abspath(__file__))
    script = os.path.join(here, "..", "tests", "exec", "onnxruntime_run.mjs")
    print(f"{'model':40} {'halfstep ms':>12} {'runtime ms':>12} {'ratio':>7}")
    for model in models:
        described = json.loads(subprocess.run([program, "inspect", model, "--json"], check=True,
                                              stdout=subprocess.PIPE).stdout)
        with tempfile.TemporaryDirectory() as folder:
            command = [program, "run", model, "--json", "--runs", str(RUNS), "--output", folder]
            job = {"inputs": [], "output": folder, "runs": RUNS}
            for i, value in enumerate(described["inputs"]):
                shape = [size if isinstance(size, int) and size > 0 else 1 for size in value["shape"]]
                array = numpy.random.default_rng(1).uniform(0, 1, shape).astype(value["dtype"])
                path = os.path.join(folder, f"{i}.npy")
                numpy.save(path, array)
                array.tofile(path + ".bin")
                command += ["--input", f"{value['name']}={path}"]
                job["inputs"].append({"name": value["name"], "type": value["dtype"], "dims": shape,
                                      "file": path + ".bin"})
            with open(os.path.join(folder, "job.json"), "w", encoding="utf-8") as file:
                json.dump(job, file)
            ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["seconds"]
            theirs = json.loads(subprocess.run(["node", script, runtime, model, file.name], check=True,
                                               stdout=subprocess.PIPE).stdout)["seconds"]
        print(f"{os.path.basename(model):40} {ours * 1e3:12.2f} {theirs * 1e3:12.2f} {ours / theirs:7.2f}")


main(sys.argv[1], sys.argv[2], sys.argv[3:])
