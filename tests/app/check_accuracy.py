"""Accuracies of labelled data as their index states them, and that quantization to int8 keeps them.

check_accuracy.py PATH_OF_HALFSTEP_CLI SOURCE_FOLDER

The sample models always; the shared models where they are there (HALFSTEP_MODELS, or ../shared/models).
"""

import json
import os
import subprocess
import sys

CLI, SOURCE = sys.argv[1:]
SHARED = os.environ.get("HALFSTEP_MODELS", os.path.join(SOURCE, "..", "shared", "models"))
SAMPLES = os.path.join(SOURCE, "sample_models")
failures = []


def accuracies(model, *options):
    done = subprocess.run([CLI, "evaluate", model, "--weights", "int8", *options, "--json"], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    output = json.loads(done.stdout)["output"]
    return output["float_accuracy"]["value"], output["accuracy"]["value"]


def check(what, model, least, most, *options):
    floating, quantized = accuracies(model, *options)
    good = least <= floating <= most and quantized >= floating - 0.02
    print(f"{'ok   ' if good else 'WRONG'} {what}: float {floating:.4f}, int8 {quantized:.4f}")
    if not good:
        failures.append(what)


def main():
    with open(os.path.join(SAMPLES, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    for model in manifest["models"]:
        stated = model.get("float_accuracy")
        if stated is not None:
            check(model["name"], os.path.join(SAMPLES, model["file"]), stated - 1e-6, stated + 1e-6, "--data",
                  os.path.join(SAMPLES, model["data"]))
    mnist = os.path.join(SHARED, "mnist-cntk-onnx", "mnist.onnx")
    if os.path.exists(mnist):
        check("MNIST CNN, first 500", mnist, 0.984, 0.9861, "--data", os.path.join(SHARED, "data", "mnist"),
              "--samples", "500")
        check("ResNet-20, 100 images of CIFAR-10", os.path.join(SHARED, "derived", "cifar10_resnet20.onnx"), 0.97, 0.97,
              "--data", os.path.join(SHARED, "data", "cifar10", "cifar10_png100_uint8_nhwc.npz"), "--mean",
              "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")
    else:
        print("the shared models are not there: the sample models alone were checked")
    sys.exit(1 if failures else 0)


main()
