"""What searching for a plan is worth: found plans beside plans that treat every layer the same.

plan_search.py HALFSTEP_CLI SOURCE_FOLDER [MODELS_FOLDER [NAME…]]

For every model two searches. At the size of uniform int4:group64: the measured KL divergence of the output, of the
uniform plan and of the plan found, on the samples that it was chosen on ("chosen") and on others ("others": a few
samples may be in both). At the measured divergence of uniform int8 (per channel): the size, of the uniform plan and
of the smallest plan found, and the divergence of both on the other samples. MODELS_FOLDER holds the shared models;
the sample models are always there. NAMEs:
only these.
"""

import json
import os
import subprocess
import sys
import tempfile

SCHEMES = "int8,int8:mse,int8:asym,int7,int7:mse,int7:asym:mse,int6,int6:mse,int5:mse,int5:group64:mse,int4:mse,int4:group64:mse,int3:group64:mse,int3:mse,int4:asym:group64:mse,int3:asym:group64:mse"


def run(program, *arguments):
    done = subprocess.run([program, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def judged(program, model, plan, data):
    return run(program, "evaluate", model, *plan, *data)["output"]["kl"]["value"]


def layer_bytes(program, model, plan):
    return sum(layer["bytes"] for layer in run(program, "quantize", model, *plan)["layers"])


def compare(program, name, model, chosen_on, judged_on, folder):
    plan = os.path.join(folder, "plan.halfstep.json")
    search = ["search", model, *chosen_on, "--schemes", SCHEMES, "--trials", "400", "--save-plan", plan, "--journal",
              os.path.join(folder, name + ".jsonl")]
    int4, int8, found = ["--weights", "int4:group64"], ["--weights", "int8"], ["--plan", plan]
    size4, size8 = layer_bytes(program, model, int4), layer_bytes(program, model, int8)
    run(program, *search, "--budget", f"size={size4}B")
    pairs = [(judged(program, model, int4, data), judged(program, model, found, data)) for data in (chosen_on, judged_on)]
    line = f"{name:21} {size4:7} {layer_bytes(program, model, found):7}"
    for uniform, own in pairs:
        line += f" {uniform:8.1e} {own:8.1e} {own / uniform:5.2f}"
    target = judged(program, model, int8, chosen_on)
    run(program, *search, "--budget", f"damage={target * 1.00001:.9g}")
    size = layer_bytes(program, model, found)
    print(f"{line}  {size8:7} {size:7} {size / size8:5.2f} {judged(program, model, int8, judged_on):8.1e} "
          f"{judged(program, model, found, judged_on):8.1e}", flush=True)


def main(program, source, shared=None, *only):
    samples = os.path.join(source, "sample_models")
    cases = [(name, os.path.join(samples, name + ".onnx"),
              ["--data", os.path.join(samples, "data", name), "--samples", "250", "--shuffle", "1"],
              ["--data", os.path.join(samples, "data", name), "--samples", "250", "--shuffle", "2"])
             for name in ("digits_cnn", "digits_mlp", "sequence_transformer", "sentences_lstm")]
    if shared:
        data = lambda *parts: ["--data", os.path.join(shared, "data", *parts)]
        pixels = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"]
        cases += [("resnet20", os.path.join(shared, "derived", "cifar10_resnet20.onnx"),
                   [*data("cifar10", "cifar10_jpg2000_uint8_nhwc.npz"), *pixels, "--samples", "100", "--shuffle", "1"],
                   [*data("cifar10", "cifar10_jpg2000_uint8_nhwc.npz"), *pixels, "--samples", "200", "--shuffle", "2"]),
                  ("mnist_cnn", os.path.join(shared, "mnist-cntk-onnx", "mnist.onnx"),
                   [*data("mnist"), "--samples", "250", "--shuffle", "1"],
                   [*data("mnist"), "--samples", "500", "--shuffle", "2"]),
                  ("stories260k", os.path.join(shared, "derived", "stories260k_T64.onnx"),
                   [*data("text", "tinyshakespeare.txt"), "--tokenizer", os.path.join(shared, "stories260k", "tok512.bin"),
                    "--samples", "12", "--shuffle", "1"],
                   [*data("text", "tinyshakespeare.txt"), "--tokenizer", os.path.join(shared, "stories260k", "tok512.bin"),
                    "--samples", "24", "--shuffle", "2"])]
    print(f"{'':21} at the size of int4:group64{'':40}  at the damage of int8")
    print(f"{'':21} {'bytes':>7} {'found':>7} {'chosen: KL, found, ratio':>23} {'others: KL, found, ratio':>23}"
          f"  {'bytes':>7} {'found':>7} {'ratio':>5} {'others: KL, found':>17}")
    with tempfile.TemporaryDirectory(prefix="halfstep-plans-") as folder:
        for case in cases:
            if only and case[0] not in only:
                continue
            compare(program, *case, folder)


main(*sys.argv[1:])
