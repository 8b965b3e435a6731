#!/usr/bin/env python3
"""Reads what `halfstep-cli export` and `quantize --dump` write with readers of its own, written from the formats'
descriptions, and compares the figures with NumPy's.

    check_exports.py HALFSTEP_CLI

Models are made here with the onnx package. ONNX Runtime is not needed: its quantize_static is replaced by a stand-in
that checks what it is given against the rules of TensorQuantOverrides (onnxruntime 1.24.1).
"""
import csv
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLI = ""


def cli(*arguments, status=0):
    done = subprocess.run([CLI, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


class QuantType:
    """onnxruntime.quantization.QuantType: members are told apart by identity."""


for _name in ("QInt8", "QUInt8", "QFLOAT8E4M3FN", "QInt16", "QUInt16", "QInt4", "QUInt4"):
    setattr(QuantType, _name, _name)


def make_model(folder):
    random = np.random.default_rng(7)
    weights = {
        "conv.weight": random.standard_normal((4, 3, 3, 3), dtype=np.float32),
        "up.weight": random.standard_normal((4, 5, 2, 2), dtype=np.float32),
        "fc.weight": random.standard_normal((20, 6), dtype=np.float32),
        "head.weight": random.standard_normal((3, 6), dtype=np.float32),
        "rec.w": random.standard_normal((1, 8, 6), dtype=np.float32),
        "rec.r": random.standard_normal((1, 8, 2), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["c"], name="conv"),
        helper.make_node("ConvTranspose", ["c", "up.weight"], ["u"], name="up"),
        helper.make_node("MatMul", ["f", "fc.weight"], ["m"], name="fc, \"quoted\""),
        helper.make_node("Gemm", ["m", "head.weight"], ["y"], name="head", transB=1),
        helper.make_node("LSTM", ["s", "rec.w", "rec.r"], ["h"], name="rec", hidden_size=2),
    ]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return path, weights


def channel_rows(weight, axes):
    """The weight as one row per channel."""
    rest = [axis for axis in range(weight.ndim) if axis not in axes]
    channels = math.prod(weight.shape[axis] for axis in axes)
    return weight.transpose(list(axes) + rest).reshape(channels, -1)


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.model, cls.weights = make_model(cls.folder)
        cls.plan = cls.folder / "plan.halfstep.json"
        cli("quantize", cls.model, "--weights", "int8", "--set", "up=uint8:tensor", "--set", "head=int4",
            "--set", "rec.W=int8:group16", "--save-plan", cls.plan)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def export(self, form, name, *more):
        out = self.folder / name
        done = cli("export", self.model, "--plan", self.plan, "--to", form, "--out", out, "--json", *more)
        return out, json.loads(done.stdout), done.stderr

    def test_list(self):
        formats = [entry["format"] for entry in json.loads(cli("export", "--list", "--json").stdout)["formats"]]
        for form in ("plan", "report-json", "report-csv", "ort-overrides"):
            self.assertIn(form, formats)

    def test_plan(self):
        out, told, errors = self.export("plan", "again.halfstep.json")
        self.assertEqual(out.read_bytes(), self.plan.read_bytes())
        self.assertEqual(told["files"], [str(out)])
        self.assertEqual((told["lost"], errors), ([], ""))
        plan = json.loads(out.read_text())
        self.assertEqual(plan["halfstep_plan"], 1)
        self.assertEqual(plan["default"]["weights"], "int8")
        self.assertEqual(plan["layers"]["head"]["weights"], "int4")

    def test_report_json(self):
        out, _, _ = self.export("report-json", "report.json")
        report = json.loads(out.read_text(), parse_constant=lambda name: self.fail(name))
        self.assertEqual(report["halfstep_report"], 1)
        layers = {layer["name"]: layer for layer in report["layers"]}
        self.assertEqual(list(layers), ["conv", "up", 'fc, "quoted"', "head", "rec.W", "rec.R"])
        signal = noise = 0.0
        for layer in layers.values():
            weight = self.weights[layer["weight"]]
            self.assertEqual(layer["shape"], list(weight.shape))
            rows = channel_rows(weight, layer["channel_axes"])
            segments = layer["segmentation"]
            scales = np.array(layer["scales"], dtype=np.float32)
            zeros = np.array(layer["zero_points"])
            low, high = {"int8": (-127, 127), "uint8": (0, 255), "int4": (-7, 7)}[layer["scheme"].split(":")[0]]
            decoded = np.empty_like(rows)
            for channel in range(rows.shape[0]):
                for start in range(0, rows.shape[1], segments["length"] if segments["kind"] == "group" else rows.shape[1]):
                    index = {"tensor": 0, "channel": channel,
                             "group": channel * segments["segments_per_channel"] + start // segments["length"]}[segments["kind"]]
                    piece = slice(start, start + segments["length"] if segments["kind"] == "group" else None)
                    codes = np.clip(np.rint(rows[channel, piece] / scales[index]) + zeros[index], low, high)
                    decoded[channel, piece] = scales[index] * (codes - zeros[index]).astype(np.float32)
            error = decoded.astype(np.float64) - rows
            self.assertAlmostEqual(layer["mse"], np.mean(error ** 2), delta=1e-12 + 1e-6 * layer["mse"])
            self.assertAlmostEqual(layer["max_error"], np.max(np.abs(error)), delta=1e-6)
            self.assertAlmostEqual(layer["mse"], layer["mse_rounding"] + layer["mse_clipping"], delta=1e-12)
            np.testing.assert_allclose(layer["channels"]["mse"], np.mean(error ** 2, axis=1), rtol=1e-6, atol=1e-14)
            np.testing.assert_allclose(layer["channels"]["mean_error"], np.mean(error, axis=1), atol=1e-7)
            self.assertEqual(len(layer["ranges"]["lo"]), len(scales))
            signal += np.sum(rows.astype(np.float64) ** 2)
            noise += np.sum(error ** 2)
        self.assertAlmostEqual(report["total"]["sqnr_db"], 10 * math.log10(signal / noise), delta=1e-4)

    def test_report_csv(self):
        out, _, _ = self.export("report-csv", "report.csv")
        with open(out, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
        quantized = json.loads(cli("quantize", self.model, "--plan", self.plan, "--json").stdout)["layers"]
        self.assertEqual([row["layer"] for row in rows], [layer["name"] for layer in quantized])
        for row, layer in zip(rows, quantized):
            self.assertEqual(row["scheme"], layer["scheme"])
            self.assertEqual(int(row["bytes"]), layer["bytes"])
            for figure in ("mse", "mse_rounding", "mse_clipping", "sqnr_db", "max_error", "mean_error", "cosine",
                           "clipped", "bits_per_weight"):
                self.assertEqual(float(row[figure]), layer[figure], figure)

    def test_ort_json(self):
        out, told, errors = self.export("ort-overrides", "overrides.json")
        self.assertEqual(told["files"], [str(out), str(out.with_suffix(".py"))])
        lost = {loss["layer"]: loss["what"] for loss in told["lost"]}
        self.assertIn("does not quantize the weights of LSTM", lost["rec.R"])
        self.assertIn("Python form only", lost["head"])
        self.assertIn("float activations", lost["*"])
        self.assertEqual(errors.count("warning"), len(told["lost"]))  # said before anything is written
        overrides = json.loads(out.read_text())
        self.assertEqual(set(overrides), {"conv.weight", "fc.weight"})  # qint8, the type of most
        for name, axis in (("conv.weight", 0), ("fc.weight", 1)):
            entries = overrides[name]
            weight = self.weights[name]
            self.assertEqual(len(entries), weight.shape[axis])
            self.assertEqual(entries[0]["axis"], axis)
            self.assertTrue(all(set(entry) == {"scale", "zero_point"} for entry in entries[1:]))
            largest = np.abs(channel_rows(weight, [axis])).max(axis=1)
            expected = largest / np.float32(127)
            self.assertEqual([np.float32(entry["scale"]) for entry in entries], list(expected))
            self.assertEqual({entry["zero_point"] for entry in entries}, {0})

    def test_ort_check(self):
        """What quantize_static writes and ONNX Runtime then computes in float all the same."""
        told = json.loads(cli("check", self.model, "--weights", "int8", "--set", "fc*=uint8", "--set", "head=int4",
                              "--activations", "int8:tensor", "--to", "ort-overrides", "--json").stdout)["findings"]
        why = {layer: " ".join(finding["why"] for finding in told if finding["layer"] == layer
                               and "computed in float" in finding["what"]) for layer in
               ("conv", "up", 'fc, "quoted"', "head", "*")}
        self.assertEqual(why["conv"], "")
        self.assertIn("no integer ConvTranspose", why["up"])
        self.assertIn("int8 activations with uint8 weights", why['fc, "quoted"'])
        self.assertIn("16- and 4-bit", why["head"])
        self.assertTrue(any("com.microsoft" in finding["why"] for finding in told if finding["layer"] == "*"))
        told = json.loads(cli("check", self.model, "--weights", "int8", "--activations", "uint8:tensor", "--to",
                              "ort-overrides", "--json").stdout)["findings"]
        self.assertTrue(any("beta" in finding["why"] for finding in told if finding["layer"] == "head"))
        self.assertFalse(any("com.microsoft" in finding["why"] for finding in told))
        self.assertTrue(any("VNNI" in finding["what"] for finding in told))
        told = json.loads(cli("check", self.model, "--weights", "uint8", "--activations", "uint8:tensor", "--to",
                              "ort-overrides", "--json").stdout)["findings"]
        self.assertFalse(any("VNNI" in finding["what"] for finding in told))

    def test_ort_patterns(self):
        _, told, _ = self.export("ort-overrides", "patterns.json")
        self.assertEqual({(one["pattern"], one["matching"], one["meaning"], tuple(one["layers"]))
                          for one in told["patterns"]},
                         {("conv.weight", "exact", "weights qint8", ("conv",)), ("up.weight", "exact", "weights quint8", ("up",)),
                          ("fc.weight", "exact", "weights qint8", ('fc, "quoted"',)),
                          ("head.weight", "exact", "weights qint4", ("head",)),
                          ("rec", "exact", "left in float", ("rec.W", "rec.R"))})

    def test_ort_activation_type(self):
        """The type of most inputs is that of the command line and of the values that no override names."""
        for weights, expected in (("int8", "QInt8"), ("uint8", "QUInt8")):  # quantize_static refuses int8 with uint8
            out = self.folder / "types.py"
            cli("export", self.model, "--weights", weights, "--activations", "int8:tensor", "--to", "ort-overrides",
                "--out", out)
            self.assertIn(f"activation_type=QuantType.{expected},", out.read_text())
            self.assertIn(f"--activation_type {expected.lower()}", out.read_text())

    def test_ort_script(self):
        out, _, _ = self.export("ort-overrides", "quantize_it.py")
        self.assertTrue(out.with_suffix(".json").exists())
        calls = []
        package = types.ModuleType("onnxruntime.quantization")
        package.QuantType = QuantType
        package.QuantFormat = types.SimpleNamespace(QDQ="QDQ")
        package.CalibrationDataReader = object
        package.quantize_static = lambda *arguments, **options: calls.append((arguments, options))
        sys.modules["onnxruntime"] = types.ModuleType("onnxruntime")
        sys.modules["onnxruntime.quantization"] = package
        spec = importlib.util.spec_from_file_location("quantize_it", out)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.assertIn("ONNX Runtime 1.24.1", script.__doc__)
        self.assertIn("static_quantize_runner", script.__doc__)
        self.assertEqual(set(script.NODES_TO_EXCLUDE), {"rec"})
        self.assert_valid_overrides(script.tensor_quant_overrides())
        sys.argv = ["quantize_it.py", "in.onnx", "out.onnx", str(self.folder)]
        script.main()
        (arguments, options), = calls
        self.assertEqual(arguments[:2], ("in.onnx", "out.onnx"))
        self.assertEqual(options["weight_type"], QuantType.QInt8)
        self.assertTrue(options["per_channel"])

    def assert_valid_overrides(self, overrides):
        self.assertEqual(set(overrides), {"conv.weight", "up.weight", "fc.weight", "head.weight"})
        self.assertEqual(overrides["head.weight"][0]["quant_type"], QuantType.QInt4)
        self.assertEqual(overrides["up.weight"][0]["quant_type"], QuantType.QUInt8)
        for name, entries in overrides.items():
            weight = self.weights[name]
            per_channel = "axis" in entries[0]
            self.assertEqual(len(entries), weight.shape[entries[0]["axis"]] if per_channel else 1)
            for index, entry in enumerate(entries):
                self.assertLessEqual(set(entry), {"quant_type", "scale", "zero_point"} | ({"axis"} if index == 0 else set()))
                self.assertEqual(entry["scale"].dtype, np.float32)
                self.assertGreater(entry["scale"], 0)
                self.assertEqual(entry["zero_point"].dtype,
                                 np.uint8 if entry["quant_type"] == QuantType.QUInt8 else np.int8)
        low, high = float(self.weights["up.weight"].min()), float(self.weights["up.weight"].max())
        entry, = overrides["up.weight"]
        self.assertAlmostEqual(float(entry["scale"]), (high - low) / 255, delta=1e-6)
        self.assertEqual(int(entry["zero_point"]), round(-low / float(entry["scale"])))

    def test_dump(self):
        dump = self.folder / "dump"
        cli("quantize", self.model, "--plan", self.plan, "--dump", dump)
        codes = np.load(dump / "head.codes.npy")
        scales = np.load(dump / "head.scales.npy")
        zeros = np.load(dump / "head.zero_points.npy")
        decoded = np.load(dump / "head.dequantized.npy")
        weight = self.weights["head.weight"]
        self.assertEqual((codes.dtype, scales.dtype, zeros.dtype, decoded.dtype), (np.int8, np.float32, np.int8, np.float32))
        expected = np.abs(weight).max(axis=1) / np.float32(7)
        np.testing.assert_array_equal(scales, expected)
        np.testing.assert_array_equal(codes, np.rint(weight / expected[:, None]))
        np.testing.assert_array_equal(decoded, codes * scales[:, None])
        self.assertEqual(np.load(dump / "rec.W.scales.npy").shape, (8, 1))
        self.assertEqual(np.load(dump / "up.scales.npy").shape, (1,))


if __name__ == "__main__":
    CLI = sys.argv.pop(1)
    unittest.main(verbosity=2)
