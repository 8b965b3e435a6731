"""ONNX's backend test cases: conformance.py HALFSTEP_CLI EXCEPTIONS

Runs all cases of Debian's libonnx-testdata and compares what does not pass with the list of EXCEPTIONS, one
"NAME: reason" a line: a case that is not listed must pass, and one that is listed must not.
"""

import json
import os
import subprocess
import sys

CASES = "/usr/share/libonnx-testdata/data"


def read_exceptions(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return {line.split(":")[0] for line in lines if line and not line.startswith("#")}


def main(program, exceptions_path):
    if not os.path.isdir(CASES):
        print("skipped: no test cases (Debian: libonnx-testdata)")
        sys.exit(77)
    output = subprocess.run([program, "conformance", CASES, "--json"], check=True, stdout=subprocess.PIPE).stdout
    report = json.loads(output)
    others = {entry["name"]: entry["why"] for entry in report["failed"] + report["unsupported"]}
    listed = read_exceptions(exceptions_path)
    unexpected = [f"{name}: {why}" for name, why in sorted(others.items()) if name not in listed]
    mended = sorted(listed - set(others))
    print(f"{report['passed']} passed, {len(report['failed'])} failed, {len(report['unsupported'])} unsupported")
    for line in unexpected:
        print("does not pass:", line)
    for name in mended:
        print("passes, but is listed as an exception:", name)
    sys.exit(1 if unexpected or mended or report["passed"] == 0 else 0)


main(*sys.argv[1:])
