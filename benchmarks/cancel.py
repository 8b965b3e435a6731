"""How soon a command stops when it is told to: cancel.py HALFSTEP_CLI MODEL [ARGUMENT…]

Starts `sensitivity`, `calibrate`, `evaluate` and `latency` on MODEL (ARGUMENTs such as --data go to each), interrupts
each after different times and prints how long they took to end, beside the time of one run of the float network, which
is what a command would take that looks only between runs, and that of a command that has nothing to do.
"""

import json
import signal
import statistics
import subprocess
import sys
import time

WAITS = [0.3, 0.5, 0.8, 1.2, 1.7, 2.3, 3.0]
COMMANDS = {
    "sensitivity": ["--schemes", "int8,int4", "--samples", "64"],
    "calibrate": ["--samples", "4096"],
    "evaluate": ["--weights", "int4", "--samples", "4096"],
    "latency": [],
}


def quiet(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def seconds_to_stop(command, wait):
    """From the signal to the end; None where the command was done before."""
    process = quiet(command)
    try:
        process.wait(wait)
        return None
    except subprocess.TimeoutExpired:
        pass
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait()
    return time.monotonic() - start


def main(program, model, *arguments):
    start = time.monotonic()
    quiet([program, "--version"]).wait()
    print(f"halfstep-cli --version: {1e3 * (time.monotonic() - start):.0f} ms")
    told = json.loads(subprocess.run([program, "latency", model, "--json"], check=True, capture_output=True).stdout)
    print(f"one run in float32: {told['network']['fp32']:.1f} ms")
    for name, options in COMMANDS.items():
        given = [] if name == "latency" else arguments
        times = [seconds_to_stop([program, name, model, *options, *given], wait) for wait in WAITS]
        stopped = [1e3 * seconds for seconds in times if seconds is not None]
        if stopped:
            print(f"{name:12} ends after {statistics.median(stopped):4.0f} ms (median), {max(stopped):4.0f} ms (longest of "
                  f"{len(stopped)})", flush=True)
        else:
            print(f"{name:12} is done before it can be interrupted")


main(*sys.argv[1:])
