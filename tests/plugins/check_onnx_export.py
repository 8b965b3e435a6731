#!/usr/bin/env python3
"""Reads the ONNX models that `halfstep-cli export` writes with a reader of its own, written from ONNX's
specification, and compares codes, scales and zero points with `quantize --dump` and NumPy.

    check_onnx_export.py HALFSTEP_CLI
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLI = ""
# TensorProto.DataType beyond what an older onnx package knows: bits and signedness.
PACKED = {21: (4, False), 22: (4, True), 25: (2, False), 26: (2, True)}
PLAIN = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64,
         10: np.float16, 16: np.uint16, 17: np.uint8, 19: np.uint8}
# Largest opset that the checker of the installed onnx package knows.
KNOWN_OPSET = onnx.defs.onnx_opset_version()


def cli(*arguments, status=0, **options):
    done = subprocess.run([CLI, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)
    assert status is None or done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


def unpack(raw, bits, signed, count):
    """Codes of `bits` bits, the first one in the lowest bits of each byte."""
    data = np.frombuffer(raw, np.uint8)
    codes = np.stack([data >> shift & (2 ** bits - 1) for shift in range(0, 8, bits)], axis=1).reshape(-1)[:count]
    codes = codes.astype(np.int32)
    return np.where(codes >= 2 ** (bits - 1), codes - 2 ** bits, codes) if signed else codes


def array(tensor):
    shape = tuple(tensor.dims)
    if tensor.data_type in PACKED:
        return unpack(tensor.raw_data, *PACKED[tensor.data_type], int(np.prod(shape))).reshape(shape)
    if not tensor.raw_data:
        return numpy_helper.to_array(tensor)
    return np.frombuffer(tensor.raw_data, PLAIN[tensor.data_type]).reshape(shape)


def make_model(folder, opset=13, ir_version=None):
    """Every kind of weight: Conv, ConvTranspose, Gemm both ways, MatMul on either side, Gather, LSTM in two
    directions, one of a Constant node, one that two nodes share."""
    random = np.random.default_rng(7)
    draw = lambda *shape: random.standard_normal(shape, dtype=np.float32)
    weights = {"conv.w": draw(4, 3, 3, 3), "conv.b": draw(4), "up.w": draw(4, 5, 2, 2), "fc.w": draw(20, 6),
               "head.w": draw(32, 6), "head.b": draw(32), "left.w": draw(9, 6), "table": draw(40, 20),
               "rec.w": draw(2, 8, 20), "rec.r": draw(2, 8, 2)}
    constant = numpy_helper.from_array(draw(6, 6), "value")
    nodes = [
        helper.make_node("Conv", ["x", "conv.w", "conv.b"], ["c"], name="conv", doc_string="kept"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("ConvTranspose", ["r", "up.w"], ["u"], name="up"),
        helper.make_node("Gather", ["table", "t"], ["e"], name="embed"),
        helper.make_node("MatMul", ["e", "fc.w"], ["m"], name="fc"),
        helper.make_node("Constant", [], ["square.w"], name="square_weight", value=constant),
        helper.make_node("MatMul", ["m", "square.w"], ["q"], name="square"),
        helper.make_node("Gemm", ["q", "head.w", "head.b"], ["y"], name="head", transB=1),
        helper.make_node("Gemm", ["m", "head.w"], ["z"], name="head2", transB=1),
        helper.make_node("Transpose", ["m"], ["mt"], name="turn"),
        helper.make_node("MatMul", ["left.w", "mt"], ["l"], name="left"),
        helper.make_node("LSTM", ["s", "rec.w", "rec.r"], ["h"], name="rec", hidden_size=2,
                         direction="bidirectional"),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, [1, 3, 8, 8]), value("t", TensorProto.INT64, [7]),
                     value("s", TensorProto.FLOAT, [5, 1, 20])],
        [value(name, TensorProto.FLOAT, shape) for name, shape in (
            ("u", [1, 5, 7, 7]), ("y", [7, 32]), ("z", [7, 32]), ("l", [9, 7]), ("h", [5, 2, 1, 2]))],
        [numpy_helper.from_array(data, name) for name, data in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="test")
    if ir_version:
        model.ir_version = ir_version
    helper.set_model_props(model, {"purpose": "export"})
    path = folder / f"model{opset}.onnx"
    onnx.save(model, str(path))
    return path, weights


class OnnxExport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.model, cls.weights = make_model(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def export(self, form, *options, model=None):
        out = self.folder / f"{self.id().split('.')[-1]}.onnx"
        done = cli("export", model or self.model, "--to", form, "--out", out, "--samples", 2, "--json", *options)
        told = json.loads(done.stdout)
        self.assertEqual(told["verified"]["samples"], 2)
        return onnx.load(str(out)), told, out

    def dump(self, *options):
        folder = self.folder / f"dump_{self.id().split('.')[-1]}"
        cli("quantize", self.model, "--dump", folder, *options)
        return lambda layer, part: np.load(folder / f"{layer}.{part}.npy")

    @staticmethod
    def constants(model):
        return {tensor.name: tensor for tensor in model.graph.initializer}

    def assert_rest_untouched(self, model):
        """Every node of the original is there, in its order, with its inputs, attributes and text."""
        original = onnx.load(str(self.model))
        kept = [node for node in model.graph.node if node.name in {node.name for node in original.graph.node}]
        self.assertEqual([node.name for node in kept],
                         [node.name for node in original.graph.node if node.name != "square_weight"])
        before = {node.name: node for node in original.graph.node}
        for node in kept:
            self.assertEqual(node.SerializeToString(), before[node.name].SerializeToString())
        self.assertEqual([value.SerializeToString() for value in model.graph.output],
                         [value.SerializeToString() for value in original.graph.output])
        self.assertEqual(model.metadata_props[0].value, "export")
        self.assertEqual(model.producer_name, "test")

    def check_weights(self, scheme, opset, ir_version):
        model, told, _ = self.export("onnx-qdq", "--weights", scheme)
        self.assertEqual((model.opset_import[0].version, model.ir_version), (opset, ir_version))
        self.assertEqual(told["verified"]["max_relative"], 0.0)
        if opset <= KNOWN_OPSET:
            onnx.checker.check_model(model)
        self.assert_rest_untouched(model)
        values = self.dump("--weights", scheme)
        constants = self.constants(model)
        layers = {"conv.w": "conv", "up.w": "up", "table": "embed", "fc.w": "fc", "square.w": "square",
                  "head.w": "head", "left.w": "left", "rec.w": "rec.W", "rec.r": "rec.R"}
        decoders = {node.input[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
        self.assertEqual(set(decoders), {name + "_quantized" for name in layers})
        for name, layer in layers.items():
            self.assertNotIn(name, constants)
            codes = array(constants[name + "_quantized"]).astype(np.int64)
            expected = values(layer, "codes").astype(np.int64)
            node = decoders[name + "_quantized"]
            attributes = {a.name: a.i for a in node.attribute}
            scale = array(constants[node.input[1]]).astype(np.float64)
            zero = array(constants[node.input[2]]).astype(np.int64) if len(node.input) > 2 else np.zeros_like(scale)
            self.assertEqual(scale.shape, zero.shape)
            np.testing.assert_array_equal(np.sort(scale, axis=None), np.sort(values(layer, "scales"), axis=None))
            if codes.shape == expected.shape:
                np.testing.assert_array_equal(codes, expected)
            if scale.ndim == 1:
                shape = [1] * codes.ndim
                shape[attributes["axis"]] = -1
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            elif attributes.get("block_size"):
                axis, size = attributes["axis"], codes.shape[attributes["axis"]]
                self.assertEqual(scale.shape[axis], -(-size // attributes["block_size"]))
                scale, zero = (np.repeat(part, attributes["block_size"], axis).take(range(size), axis)
                               for part in (scale, zero))
            decoded = self.moved(model, node, (codes - zero) * scale)
            np.testing.assert_allclose(decoded, values(layer, "dequantized"), rtol=1e-6, atol=1e-9)
            self.assertFalse(np.allclose(decoded + scale.max(), values(layer, "dequantized"), rtol=1e-6, atol=1e-9))

    def moved(self, model, node, values):
        """What Reshape and Transpose behind a DequantizeLinear make of its values."""
        constants = self.constants(model)
        for after in model.graph.node:
            if after.op_type == "Reshape" and after.input[0] == node.output[0]:
                return self.moved(model, after, values.reshape(array(constants[after.input[1]])))
            if after.op_type == "Transpose" and after.input[0] == node.output[0] and after.name != "turn":
                return values.transpose(after.attribute[0].ints)
        return values

    def test_int8_per_channel(self):
        self.check_weights("int8", 13, 8 if onnx.load(str(self.model)).ir_version == 8 else 7)

    def test_uint8_per_tensor(self):
        self.check_weights("uint8:tensor", 13, onnx.load(str(self.model)).ir_version)

    def test_int4_in_groups(self):
        self.check_weights("int4:group16", 21, 10)

    def test_uint4_asymmetric(self):
        self.check_weights("uint4:asym:group16:mse", 21, 10)

    def test_int16(self):
        self.check_weights("int16", 21, 10)

    def test_int3_in_int4(self):
        self.check_weights("int3:group16", 21, 10)

    def test_uint2(self):
        self.check_weights("uint2", 25, 13)

    def test_float8(self):
        model, told, _ = self.export("onnx-qdq", "--weights", "fp8e4m3")
        self.assertEqual((model.opset_import[0].version, model.ir_version), (19, 9))
        values = self.dump("--weights", "fp8e4m3")
        tensor = self.constants(model)["fc.w_quantized"]
        self.assertEqual(tensor.data_type, 17)
        np.testing.assert_array_equal(array(tensor), values("fc", "codes"))
        self.assertEqual(told["verified"]["max_relative"], 0.0)

    def test_old_versions_are_raised_as_little_as_needed(self):
        old, _ = make_model(self.folder, opset=9, ir_version=3)
        model, _, _ = self.export("onnx-qdq", "--weights", "int8:tensor", model=old)
        self.assertEqual((model.opset_import[0].version, model.ir_version), (10, 5))
        newer, _ = make_model(self.folder, opset=15)
        model, _, _ = self.export("onnx-qdq", "--weights", "int8", model=newer)
        self.assertEqual(model.opset_import[0].version, 15)

    def test_raising_keeps_the_meaning(self):
        """Operators whose attributes became inputs, or whose standard values changed, between versions 9 and 21."""
        random = np.random.default_rng(3)
        value = helper.make_tensor_value_info
        scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
            helper.make_node("Upsample", ["c", "scales"], ["up"], mode="nearest"),
            helper.make_node("Clip", ["up"], ["cl"], min=-1.0, max=1.5),
            helper.make_node("Pad", ["cl"], ["p"], pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.25),
            helper.make_node("Softmax", ["p"], ["s"], name="soft", axis=2),
            helper.make_node("Slice", ["s"], ["sl"], starts=[0, 1], ends=[4, 9], axes=[1, 2]),
            helper.make_node("ReduceMean", ["sl"], ["rm"], axes=[3], keepdims=0),
            helper.make_node("ReduceSum", ["rm"], ["rs"], axes=[2], keepdims=1),
            helper.make_node("Unsqueeze", ["rs"], ["us"], axes=[0]),
            helper.make_node("Squeeze", ["us"], ["sq"], axes=[0, 3]),
            helper.make_node("Split", ["sq"], ["a", "b"], axis=1),
            helper.make_node("Split", ["b"], ["b1", "b2"], axis=1, split=[1, 1]),
            helper.make_node("Concat", ["a", "b2", "b1"], ["cc"], axis=1),
            helper.make_node("Dropout", ["cc"], ["y"], ratio=0.3),
        ]
        graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, [1, 3, 6, 6])],
                                  [value("y", TensorProto.FLOAT, ["a", "b"]), value("s", TensorProto.FLOAT, list("cdef"))],
                                  [numpy_helper.from_array(random.standard_normal((4, 3, 3, 3), np.float32), "w"), scales])
        path = self.folder / "nine.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)]), str(path))
        for scheme, opset in (("int8:tensor", 10), ("int8", 13), ("fp8e4m3", 19), ("int16", 21)):
            model, told, _ = self.export("onnx-qdq", "--weights", scheme, model=path)
            self.assertEqual(model.opset_import[0].version, opset)
            self.assertEqual(told["verified"]["max_relative"], 0.0)
            if opset <= KNOWN_OPSET:
                onnx.checker.check_model(model)

    def test_static_activations(self):
        model, told, _ = self.export("onnx-qdq", "--weights", "int8", "--activations", "uint8:tensor",
                                     "--set", "rec*=fp32")
        ranges = {entry["name"]: entry["range"] for entry in json.loads(
            cli("calibrate", self.model, "--samples", 2, "--scheme", "uint8:tensor", "--json").stdout)["tensors"]}
        constants = self.constants(model)
        encoders = {node.input[0]: node for node in model.graph.node if node.op_type == "QuantizeLinear"}
        self.assertEqual(len(encoders), sum(node.op_type == "QuantizeLinear" for node in model.graph.node))
        # m goes to square and to head2; they share a pair.
        self.assertLessEqual({"x", "r", "e", "q", "m"}, set(encoders))
        for name, node in encoders.items():
            low, high = (np.float32(bound) for bound in ranges[name])
            scale = array(constants[node.input[1]])
            np.testing.assert_allclose(scale, (high - low) / np.float32(255), rtol=2e-7)
            zero = array(constants[node.input[2]])
            self.assertEqual(int(zero), int(np.clip(np.rint(-low / scale), 0, 255)))
        takers = {node.name: list(node.input) for node in model.graph.node}
        self.assertEqual(takers["square"][0], takers["head2"][0])
        self.assertEqual(takers["relu"], ["c"])
        bias = array(constants["conv.b_quantized"])
        weight_scale = np.abs(self.weights["conv.w"]).max(axis=(1, 2, 3)) / np.float32(127)
        expected = np.rint(self.weights["conv.b"].astype(np.float64) /
                           (float(array(constants[encoders["x"].input[1]])) * weight_scale.astype(np.float64)))
        np.testing.assert_array_equal(bias, expected)
        self.assertEqual(constants["conv.b_quantized"].data_type, TensorProto.INT32)
        self.assertLess(told["verified"]["max_relative"], 1e-5)
        onnx.checker.check_model(model)

    def test_dynamic(self):
        model, told, _ = self.export("onnx-dynamic", "--weights", "int8", "--activations", "dynamic:uint8:tensor")
        kinds = [node.op_type for node in model.graph.node]
        self.assertEqual((kinds.count("ConvInteger"), kinds.count("MatMulInteger")), (1, 4))
        self.assertEqual(sum(node.op_type == "DynamicQuantizeLinear" and node.input[0] == "m"
                             for node in model.graph.node), 1)
        values = self.dump("--weights", "int8")
        constants = self.constants(model)
        np.testing.assert_array_equal(array(constants["fc.w_quantized"]), values("fc", "codes").astype(np.int32) + 128)
        np.testing.assert_array_equal(array(constants["head.w_quantized"]),
                                      values("head", "codes").astype(np.int32).T + 128)
        self.assertLess(told["verified"]["max_relative"], 1e-4)
        self.assertIn("up", {loss["layer"] for loss in told["lost"]})
        onnx.checker.check_model(model)

    def test_matmulnbits(self):
        for scheme, bits in (("int4:group16", 4), ("uint4:asym:group16", 4), ("int8:group16", 8), ("uint3:group16", 4)):
            model, told, _ = self.export("onnx-matmulnbits", "--weights", scheme)
            constants = self.constants(model)
            node = next(node for node in model.graph.node if node.name == "fc")
            attributes = {a.name: a.i for a in node.attribute}
            self.assertEqual((node.op_type, node.domain), ("MatMulNBits", "com.microsoft"))
            self.assertEqual([attributes[key] for key in ("K", "N", "bits", "block_size")], [20, 6, bits, 16])
            packed = constants[node.input[1]]
            self.assertEqual(list(packed.dims), [6, 2, 16 * bits // 8])
            codes = unpack(packed.raw_data, bits, False, 6 * 32) if bits < 8 else array(packed).astype(np.int32)
            codes = codes.reshape(6, 32)[:, :20].T
            values = self.dump("--weights", scheme)
            shift = 0 if scheme[0] == "u" else 2 ** (bits - 1)
            np.testing.assert_array_equal(codes - shift, values("fc", "codes"))
            np.testing.assert_array_equal(array(constants[node.input[2]]), values("fc", "scales"))
            self.assertLess(told["verified"]["max_relative"], 1e-4)

    def test_float16(self):
        model, told, _ = self.export("onnx-fp16", "--weights", "fp16")
        self.assertTrue(all(value.type.tensor_type.elem_type == TensorProto.FLOAT
                            for value in (*model.graph.input, *model.graph.output) if value.name != "t"))
        constants = self.constants(model)
        for name, weight in self.weights.items():
            np.testing.assert_array_equal(array(constants[name]), weight.astype(np.float16))
        self.assertLess(told["verified"]["max_relative"], 1e-2)
        onnx.checker.check_model(model)

    def test_float16_keeps_what_overflows(self):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["m"], name="fc"), helper.make_node("Add", ["m", "mask"], ["a"]),
             helper.make_node("Softmax", ["a"], ["y"], axis=-1)], "g",
            [value("x", TensorProto.FLOAT, [2, 8])], [value("y", TensorProto.FLOAT, [2, 4])],
            [numpy_helper.from_array(np.random.default_rng(1).standard_normal((8, 4), np.float32), "w"),
             numpy_helper.from_array(np.array([0, 0, 0, -1e9], np.float32), "mask")])
        path = self.folder / "mask.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(path))
        model, told, _ = self.export("onnx-fp16", "--weights", "fp16", model=path)
        self.assertEqual(self.constants(model)["mask"].data_type, TensorProto.FLOAT)
        self.assertTrue(any("mask" in loss["what"] for loss in told["lost"]))
        onnx.checker.check_model(model)

    def test_float16_behind_a_product(self):
        """A bias and a Sigmoid that a product does not take along in float16 are computed one after the other."""
        value = helper.make_tensor_value_info
        random = np.random.default_rng(5)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["m"], name="fc"), helper.make_node("Add", ["m", "b"], ["a"]),
             helper.make_node("Sigmoid", ["a"], ["y"])], "g",
            [value("x", TensorProto.FLOAT, [2, 8])], [value("y", TensorProto.FLOAT, [2, 4])],
            [numpy_helper.from_array(random.standard_normal((8, 4), np.float32), "w"),
             numpy_helper.from_array(random.standard_normal(4, np.float32), "b")])
        path = self.folder / "sigmoid.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(path))
        _, told, _ = self.export("onnx-fp16", "--weights", "fp16", model=path)
        self.assertLess(told["verified"]["max_relative"], 2e-3)

    def test_bfloat16(self):
        model, told, _ = self.export("onnx-bf16", "--weights", "bf16")
        self.assertEqual(self.constants(model)["fc.w_quantized"].data_type, TensorProto.BFLOAT16)
        self.assertEqual(told["verified"]["max_relative"], 0.0)

    def test_external_data(self):
        model, told, out = self.export("onnx-qdq", "--weights", "int16", "--set", "conv=fp32", "--external-above", "500")
        data = out.with_name(out.name + ".data")
        self.assertEqual(told["files"], [str(out), str(data)])
        self.assertTrue(data.exists())
        self.assertEqual(told["verified"]["max_relative"], 0.0)
        raw = onnx.load(str(out), load_external_data=False)
        self.assertTrue(any(tensor.external_data for tensor in raw.graph.initializer))
        self.assertFalse(list(self.folder.glob(out.name + ".*.before")))
        # And an external model is read again, its data embedded where it is small enough.
        again = self.folder / "again.onnx"
        cli("export", out, "--weights", "int8", "--to", "onnx-qdq", "--out", again, "--samples", 1)
        self.assertFalse(any(tensor.external_data for tensor in onnx.load(str(again), load_external_data=False).graph.initializer))

    def test_writing_is_atomic(self):
        out = self.folder / "atomic.onnx"
        out.write_bytes(b"the old file")
        names = sorted(os.listdir(self.folder))

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

        arguments = ["export", self.model, "--weights", "int8", "--to", "onnx-qdq", "--out", out, "--samples", 1]
        # The signal SIGXFSZ is ignored, by whoever starts the program or by itself: writing fails, as on a full disk.
        done = cli(*arguments, status=1, preexec_fn=limit, restore_signals=False)
        self.assertIn("cannot be written", done.stderr)
        self.assertEqual(out.read_bytes(), b"the old file")
        self.assertEqual(sorted(os.listdir(self.folder)), names)
        done = cli(*arguments, "--external-above", "100", status=1, preexec_fn=limit, restore_signals=False)
        self.assertEqual(out.read_bytes(), b"the old file")
        self.assertEqual(sorted(os.listdir(self.folder)), names)
        done = cli(*arguments, status=1, preexec_fn=limit)
        self.assertIn("cannot be written", done.stderr)
        self.assertEqual(out.read_bytes(), b"the old file")
        self.assertEqual(sorted(os.listdir(self.folder)), names)
        cli(*arguments)
        self.assertNotEqual(out.read_bytes(), b"the old file")

    def test_check(self):
        done = cli("check", self.model, "--weights", "int8", "--activations", "uint8:tensor", "--set", "rec*=fp32",
                   "--set", "up=int16", "--to", "onnx-qdq", "--samples", 2, "--json")
        found = {}
        for finding in json.loads(done.stdout)["findings"]:
            found.setdefault(finding["layer"], []).append(finding["why"])
        self.assertIn("no integer ConvTranspose", " ".join(found["up"]))
        self.assertIn("beta", " ".join(found["head"]))
        self.assertNotIn("conv", found)  # its Relu is followed by a QuantizeLinear whose zero point is 0
        # TensorRT reads the same file and takes less: one line for each reason.
        said = [why for why in found["*"] if "TensorRT" in why]
        self.assertEqual(len(said), 3, said)
        self.assertIn("int16, uint8", " ".join(said))
        self.assertIn("zero points other than 0", " ".join(said))
        self.assertIn("biases as int32", " ".join(said))
        clean = json.loads(cli("check", self.model, "--weights", "int8", "--to", "onnx-qdq", "--json").stdout)
        self.assertFalse([f for f in clean["findings"] if "TensorRT" in f["what"]])
        weights_only = json.loads(cli("check", self.model, "--weights", "int8", "--to", "onnx-qdq", "--json").stdout)
        self.assertIn("no pair", next(f["why"] for f in weights_only["findings"] if f["layer"] == "fc"))

    def test_check_of_sums_in_16_bits(self):
        """Without VNNI, pairs of products of uint8 and int8 saturate: said where weights are large enough for it."""
        for weights, activations, said in (("int8", "uint8", True), ("int8", "int8", True), ("int7", "uint8", False),
                                           ("uint8", "uint8", False)):
            told = json.loads(cli("check", self.model, "--weights", weights, "--activations", f"{activations}:tensor",
                                  "--to", "onnx-qdq", "--samples", 2, "--json").stdout)["findings"]
            self.assertEqual(sum("VNNI" in f["what"] for f in told), said, (weights, activations))

    def test_check_of_groups_without_a_kernel(self):
        """Weights in groups become MatMulNBits as integers of up to 8 bits; others stay in float without a word."""
        for scheme, said in (("int4:group16", False), ("int16:group16", True), ("fp8e4m3:group16", True)):
            told = json.loads(cli("check", self.model, "--weights", "fp32", "--set", f"fc={scheme}", "--to", "onnx-qdq",
                                  "--json").stdout)["findings"]
            self.assertEqual(any("2, 4 and 8 bits" in f["why"] for f in told if f["layer"] == "fc"), said, scheme)

    def test_weights_whose_scales_are_not_of_the_outputs(self):
        """ONNX Runtime's integer products take scales per channel for those of the outputs, whatever their axis, and
        have one zero point on the left: such layers keep float inputs, and codes that fit no other form stay out."""
        value = helper.make_tensor_value_info
        draw = np.random.default_rng(2).standard_normal
        square = numpy_helper.from_array(draw((32, 16), np.float32), "w")

        def model(name, nodes, inputs, outputs, constants):
            path = self.folder / f"{name}.onnx"
            graph = helper.make_graph(nodes, "g", [value(n, TensorProto.FLOAT, s) for n, s in inputs],
                                      [value(n, TensorProto.FLOAT, s) for n, s in outputs], constants)
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(path))
            return path

        both = model("both", [helper.make_node("Gemm", ["x", "w"], ["a"], name="there"),
                              helper.make_node("Gemm", ["a", "w"], ["y"], name="back", transB=1)],
                     [("x", [4, 32])], [("y", [4, 32])], [square])
        for form, plan in (("onnx-qdq", ("--weights", "int8", "--activations", "uint8:tensor")),
                           ("onnx-dynamic", ("--weights", "int8", "--activations", "dynamic:uint8:tensor")),
                           ("onnx-matmulnbits", ("--weights", "int4:group16"))):
            written, told, _ = self.export(form, *plan, model=both)
            self.assertTrue(any("different axes" in loss["what"] for loss in told["lost"]), form)
            self.assertEqual(told["verified"]["max_relative"], 0.0)
            kinds = {node.op_type for node in written.graph.node}
            self.assertFalse(kinds & {"QuantizeLinear", "MatMulInteger", "MatMulNBits"}, form)
        written, told, _ = self.export("onnx-qdq", "--weights", "int8:tensor", "--activations", "uint8:tensor", model=both)
        self.assertIn("QuantizeLinear", {node.op_type for node in written.graph.node})  # one scale has no axis
        left = model("left", [helper.make_node("MatMul", ["w", "x"], ["y"], name="left")], [("x", [16, 4])],
                     [("y", [32, 4])], [square])
        for scheme, lost in (("uint8", True), ("uint8:tensor", False), ("int8", False)):
            _, told, _ = self.export("onnx-qdq", "--weights", scheme, "--activations", "uint8:tensor", model=left)
            self.assertEqual(any("left side" in loss["what"] for loss in told["lost"]), lost, scheme)

    def test_float16_keeps_what_is_sparse(self):
        value = helper.make_tensor_value_info
        random = np.random.default_rng(1)
        sparse = helper.make_sparse_tensor(numpy_helper.from_array(np.array([1.5, -2.0], np.float32), "s"),
                                           numpy_helper.from_array(np.array([3, 40], np.int64), "i"), [16, 16])
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "s"], ["m"], name="sparse"),
             helper.make_node("MatMul", ["m", "w"], ["y"], name="dense")], "g",
            [value("x", TensorProto.FLOAT, [2, 16])], [value("y", TensorProto.FLOAT, [2, 16])],
            [numpy_helper.from_array(random.standard_normal((16, 16), np.float32), "w")], sparse_initializer=[sparse])
        path = self.folder / "sparse.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(path))
        written, told, _ = self.export("onnx-fp16", "--weights", "fp16", model=path)
        self.assertTrue(any("is sparse in the file" in loss["what"] for loss in told["lost"]))
        nodes = {node.name: node for node in written.graph.node}
        self.assertEqual(nodes["sparse"].input[0], "x")  # float32, as the sparse tensor is
        self.assertEqual(self.constants(written)["w"].data_type, TensorProto.FLOAT16)
        self.assertEqual(len(written.graph.sparse_initializer), 1)

    def test_check_of_fp8(self):
        """ONNX Runtime loads no model with fp8 pairs on both sides above level basic."""
        told = json.loads(cli("check", self.model, "--weights", "fp8e4m3", "--activations", "fp8e4m3:tensor", "--set",
                              "rec*=fp32", "--to", "onnx-qdq", "--samples", 2, "--json").stdout)["findings"]
        self.assertTrue(any("from loading" in f["what"] for f in told if f["layer"] == "fc"))

    def test_check_says_what_only_making_tells(self):
        """A form that cannot be made for want of a newer version is an error of check, too."""
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            [helper.make_node("ImageScaler", ["x"], ["i"], name="scaler", bias=[0.0, 0.0, 0.0], scale=1.0),
             helper.make_node("Conv", ["i", "w"], ["y"], name="conv")], "g",
            [value("x", TensorProto.FLOAT, [1, 3, 6, 6])], [value("y", TensorProto.FLOAT, [1, 4, 4, 4])],
            [numpy_helper.from_array(np.random.default_rng(1).standard_normal((4, 3, 3, 3), np.float32), "w")])
        path = self.folder / "scaler.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)]), str(path))
        done = cli("check", path, "--weights", "int8", "--activations", "dynamic:uint8:tensor", "--to", "onnx-dynamic",
                   status=4)
        self.assertIn("ImageScaler", done.stderr)


if __name__ == "__main__":
    CLI = sys.argv.pop(1)
    unittest.main(verbosity=2)
