#!/usr/bin/env python3
"""Makes and checks the sample models.

    train.py                      trains all models anew
    train.py --model digits_mlp   trains one (may be given several times)
    train.py --check              trains nothing: evaluates the checked-in models on the checked-in data

Needs numpy, onnx and, except for --check, torch (Debian: python3-numpy python3-onnx python3-torch).
"""

import argparse
import sys

from halfstep_samples import store
from halfstep_samples.check import check

NAMES = ["digits_mlp", "digits_cnn", "sequence_transformer", "sentences_lstm"]


def _check_all(names):
    entries = {entry["name"]: entry for entry in store.read_manifest()["models"]}
    findings = [f"manifest.json has no entry for {name}" for name in names if name not in entries]
    for name in names:
        if name in entries:
            findings += check(entries[name])
    for finding in findings:
        print(f"train.py: {finding}", file=sys.stderr)
    return 1 if findings else 0


def _train_all(names):
    from halfstep_samples.make import make  # imports torch
    from halfstep_samples.recipes import RECIPES

    for name in names:
        made = make(RECIPES[name])
        entries = {entry["name"]: entry for entry in store.read_manifest()["models"]} | {name: made}
        store.write_manifest([entries[known] for known in NAMES if known in entries])
    return _check_all(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=NAMES, help="only this model")
    parser.add_argument("--check", action="store_true", help="check the files, train nothing")
    arguments = parser.parse_args()
    names = arguments.model or NAMES
    return _check_all(names) if arguments.check else _train_all(names)


if __name__ == "__main__":
    sys.exit(main())
