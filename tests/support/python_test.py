"""Runs a Python test of this project: python_test.py MODULE[,MODULE…] SCRIPT [ARGUMENT…]

Exits with 77, which ctest shows as skipped, where a module that the script needs is not installed.
"""

import importlib
import os
import runpy
import sys

SKIPPED = 77


def main(modules, script):
    for module in modules.split(","):
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"skipped: {os.path.basename(script)} needs the Python module {module} "
                  f"(Debian: python3-{module}): {error}")
            sys.exit(SKIPPED)
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    del sys.argv[:2]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
