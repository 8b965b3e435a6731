"""Float inference and peak memory beside ONNX Runtime, the same threads in one run.

compare_onnxruntime.py [--rounds N] HALFSTEP_CLI RUNTIME_FOLDER MODEL…

RUNTIME_FOLDER is where the test compare_onnxruntime installed onnxruntime-node (build/dev/onnxruntime). Both run in turn,
so that a busy machine disturbs both alike; printed are the fastest run of each and their ratio, and the largest
resident memory of each process (getrusage's ru_maxrss, the smallest of the rounds): whole, and without what the same
process takes for a model of one convolution of one number, with the ratios of both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx

RUNS = 40
HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "..", "tests", "exec", "onnxruntime_run.mjs")


# A process starts with the largest size of the one it comes from, so a small one stands in between.
WAITER = """
import os, sys
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)
print(usage.ru_maxrss / 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measured(command):
    """What a command printed as JSON, and its largest resident memory in MB."""
    done = subprocess.run([sys.executable, "-S", "-E", "-c", WAITER] + command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.decode()}")
    return json.loads(done.stdout), float(done.stderr.split()[-1])


def commands(program, runtime, model, folder, runs):
    """The two that run a model on the same random inputs."""
    described = json.loads(subprocess.run([program, "inspect", model, "--json"], check=True,
                                          stdout=subprocess.PIPE).stdout)
    ours = [program, "run", model, "--json", "--runs", str(runs), "--output", folder]
    job = {"inputs": [], "output": folder, "runs": runs}
    for i, value in enumerate(described["inputs"]):
        shape = [size if isinstance(size, int) and size > 0 else 1 for size in value["shape"]]
        array = numpy.random.default_rng(1).uniform(0, 1, shape).astype(value["dtype"])
        path = os.path.join(folder, f"{i}.npy")
        numpy.save(path, array)
        array.tofile(path + ".bin")
        ours += ["--input", f"{value['name']}={path}"]
        job["inputs"].append({"name": value["name"], "type": value["dtype"], "dims": shape, "file": path + ".bin"})
    with open(os.path.join(folder, "job.json"), "w", encoding="utf-8") as file:
        json.dump(job, file)
    return ours, ["node", SCRIPT, runtime, model, file.name]


def best(program, runtime, model, rounds, runs):
    """(seconds, MB) of both sides."""
    with tempfile.TemporaryDirectory() as folder:
        pair = commands(program, runtime, model, folder, runs)
        results = [[measured(command) for command in pair] for _ in range(rounds)]
    return [(min(round_[side][0]["seconds"] for round_ in results), min(round_[side][1] for round_ in results))
            for side in range(2)]


def base(program, runtime, rounds):
    """MB of both sides for a model of one node: a convolution, so that the code that models need is loaded."""
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, 8, 8]) for name in "xy"]
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1, 1, 1, 1], [1.0])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Conv", ["x", "w"], ["y"])], "one", values[:1], values[1:],
                                   [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        return [memory for _, memory in best(program, runtime, file.name, rounds, 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("program")
    parser.add_argument("runtime")
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    ground = base(given.program, given.runtime, given.rounds)
    print(f"a convolution of one number: halfstep {ground[0]:.1f} MB, ONNX Runtime {ground[1]:.1f} MB")
    print(f"{'model':40} {'halfstep ms':>12} {'runtime ms':>11} {'ratio':>6} {'halfstep MB':>12} {'runtime MB':>11} "
          f"{'ratio':>6} {'beyond it':>17} {'ratio':>6}")
    for model in given.models:
        ours, theirs = best(given.program, given.runtime, model, given.rounds, RUNS)
        memory = [ours[1] - ground[0], theirs[1] - ground[1]]
        print(f"{os.path.basename(model):40} {ours[0] * 1e3:12.3f} {theirs[0] * 1e3:11.3f} {ours[0] / theirs[0]:6.2f} "
              f"{ours[1]:12.1f} {theirs[1]:11.1f} {ours[1] / theirs[1]:6.2f} {memory[0]:8.1f} {memory[1]:8.1f} "
              f"{memory[0] / max(memory[1], 0.1):6.2f}", flush=True)


main()
