"""The command line's own memory on a large layer: at most 3 times the layer's float size + 300 MB, mapped pages of the
file not counted. Prints the peak of each command. The weight's channels are its columns, so that its values have to be
moved: that costs most. Exported as it is, a weight that lies outside the model's file is not copied into memory."""

import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper

PROGRAM = sys.argv[1]
ROWS, COLUMNS = 4096, 8192
FLOAT_BYTES = 4 * ROWS * COLUMNS
ALLOWED = 3 * FLOAT_BYTES + 300_000_000


def own_memory(pid):
    """Anonymous pages in bytes; 0 once the process is gone."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def peak_of(arguments):
    process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, own_memory(process.pid))
        time.sleep(0.002)
    assert process.returncode == 0, arguments
    return peak


def write_model(folder, element_type):
    values = np.random.default_rng(1).normal(0, 0.02, COLUMNS * 16).astype(element_type)
    with open(folder / "weights.bin", "wb") as data:
        for _ in range(ROWS // 16):
            data.write(values.tobytes())
    weight = TensorProto(name="w", data_type=helper.mapping.NP_TYPE_TO_TENSOR_TYPE[values.dtype],
                         dims=[ROWS, COLUMNS], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="weights.bin")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="mm")], "g",
        [helper.make_tensor_value_info("x", weight.data_type, [1, ROWS])],
        [helper.make_tensor_value_info("y", weight.data_type, [1, COLUMNS])], [weight])
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    return str(path)


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    worst = 0.0
    for element_type in (np.float32, np.float16):
        model = write_model(folder, element_type)
        for arguments in (["inspect"], ["quantize", "--weights", "int8"],
                          ["quantize", "--weights", "int4:asym:group32:mse"], ["quantize", "--weights", "int8:tensor:kl"],
                          ["quantize", "--weights", "fp16", "--dump", name + "/dump"],
                          ["quantize", "--weights", "int4:group64", "--dump", name + "/dump"]):
            command = [arguments[0], model, *arguments[1:]]
            peak = peak_of(command)
            worst = max(worst, peak / ALLOWED)
            print(f"{np.dtype(element_type).name:8} {' '.join(arguments[:3] + arguments[3:4]):42} {peak / 1e6:6.0f} MB, "
                  f"{peak / ALLOWED:.2f} of what is allowed ({ALLOWED / 1e6:.0f} MB)", flush=True)
        out = folder / "out.onnx"
        peak = peak_of(["export", model, "--weights", "fp32", "--to", "onnx-qdq", "--out", str(out),
                        "--external-above", "1000", "--no-check"])
        weight = (folder / "weights.bin").stat().st_size
        print(f"{np.dtype(element_type).name:8} export of a weight that stays as it is: {peak / 1e6:.0f} MB, the weight has "
              f"{weight / 1e6:.0f} MB", flush=True)
        assert peak < weight / 2, "the export copied the weight into memory"
        assert (folder / "out.onnx.data").read_bytes() == (folder / "weights.bin").read_bytes()
    assert worst > FLOAT_BYTES / ALLOWED / 2, "the measure sees nothing: a moved weight is a copy"
    assert worst <= 1.0, "more memory than 3 times the layer + 300 MB"
