"""A sweep over all layers that starts from kept values, beside the naive loop over whole runs.

sensitivity_reuse.py HALFSTEP_CLI MODEL…

Four schemes, 16 samples, drawn at random. Prints the seconds of both, their ratio, and the largest difference of any
figure.
"""

import json
import os
import subprocess
import sys

SCHEMES = "int8,int6,int4,int2"
SAMPLES = "16"


def sweep(program, model, *options):
    command = [program, "sensitivity", model, "--schemes", SCHEMES, "--samples", SAMPLES, "--json", *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def main(program, models):
    print(f"{'model':40} {'layers':>6} {'kept s':>9} {'naive s':>9} {'ratio':>6} {'difference':>11}")
    for model in models:
        kept = sweep(program, model)
        naive = sweep(program, model, "--naive")
        apart = max(abs(a - b) for one, other in zip(kept["layers"], naive["layers"])
                    for a, b in zip(one["values"], other["values"]) if a is not None and b is not None)
        ratio = kept["seconds"] / naive["seconds"]
        print(f"{os.path.basename(model):40} {len(kept['layers']):6} {kept['seconds']:9.2f} {naive['seconds']:9.2f} "
              f"{ratio:6.2f} {apart:11.1e}")


main(sys.argv[1], sys.argv[2:])
