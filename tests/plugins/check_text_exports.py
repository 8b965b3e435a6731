#!/usr/bin/env python3
"""Reads the text formats that `halfstep-cli export` writes with readers of its own, written from the targets' schemas
and not from our writers: allowed keys, types, enumerations, version strings. Applies each target's own match rule to
the names, and compares the scheme that results for every layer with the plan.

    check_text_exports.py HALFSTEP_CLI SOURCE_DIR

Models are made here with the onnx package, and the sample models are used; the shared models where there are some
($HALFSTEP_MODELS). Scripts are run with stand-ins for the tools' modules and programs, which record how they are called.
"""
import ast
import fnmatch
import json
import os
import pathlib
import re
import runpy
import struct
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from text_schemas import FLOAT, Scheme, SCHEMAS, load_yaml, read_yaml_alone

CLI = ""
SOURCE = pathlib.Path()
FORMATS = ("aimet nncf inc tensorrt modelopt compressed-tensors gptqmodel awq bitsandbytes torchao llama-cpp ai-edge "
           "coreml").split()
SUFFIX = {"aimet": "encodings", "nncf": "py", "inc": "json", "tensorrt": "cache", "modelopt": "yaml",
          "compressed-tensors": "yaml", "gptqmodel": "json", "awq": "json", "bitsandbytes": "json", "torchao": "json",
          "llama-cpp": "txt", "ai-edge": "json", "coreml": "yaml"}


def cli(*arguments, status=0):
    done = subprocess.run([CLI, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


def matmul_model(path, weights):
    """A chain of products. `weights`: (name, node name, rows, columns)."""
    random = np.random.default_rng(5)
    nodes, tensors, value = [], [], "x"
    for name, node, rows, columns in weights:
        tensors.append(numpy_helper.from_array(random.standard_normal((rows, columns), dtype=np.float32), name))
        nodes.append(helper.make_node("MatMul", [value, name], [f"{node}_out"], name=node))
        value = f"{node}_out"
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, weights[0][2]])],
                              [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(path))
    return path


# Modules whose names are prefixes, wildcards and substrings of each other.
TRICKY = [("layers.1.weight", "n1", 64, 64), ("layers.10.weight", "n10", 64, 64), ("layersx1.weight", "n.0", 64, 64),
          ("layers.2.weight", "/layers/2/MatMul", 64, 64), ("model.layers.2.weight", "n,2:a", 64, 64),
          ("onnx::MatMul_7", "/enc/enc.0/fc/MatMul", 64, 64), ("onnx::MatMul_8", "/MatMul_8", 64, 64),
          ("lm_head.weight", "head", 64, 32)]
# Checkpoints of other families, and what llama.cpp's converter calls their tensors.
FAMILIES = {"transformer.h.3.attn.c_attn.weight": "blk.3.attn_qkv.weight", "h.0.mlp.c_fc.weight": "blk.0.ffn_up.weight",
            "gpt_neox.layers.12.attention.dense.weight": "blk.12.attn_output.weight",
            "gpt_neox.layers.2.mlp.dense_4h_to_h.weight": "blk.2.ffn_down.weight",
            "transformer.h.7.self_attention.query_key_value.weight": "blk.7.attn_qkv.weight",
            "encoder.layer.1.attention.self.key.weight": "blk.1.attn_k.weight",
            "bert.encoder.layer.1.output.dense.weight": "blk.1.ffn_down.weight",
            "model.layers.4.mlp.gate_up_proj.weight": "blk.4.ffn_up.weight", "embed_out.weight": "output.weight"}
LLAMA = [("model.layers.0.self_attn.q_proj.weight", "q0", 64, 64), ("model.layers.0.mlp.down_proj.weight", "d0", 64, 64),
         ("model.layers.1.self_attn.q_proj.weight", "q1", 64, 64), ("model.layers.10.mlp.up_proj.weight", "u10", 64, 48),
         ("blk.11.ffn_gate.weight", "g11", 48, 64), ("odd.name.weight", "odd", 64, 64),
         ("lm_head.weight", "head", 64, 32)]


class Export:
    """One export: its files as text, what was told, and the layers of the plan."""

    def __init__(self, folder, model, form, *plan):
        self.model = pathlib.Path(model)
        self.form = form
        out = folder / f"{self.model.stem}_{form}.{SUFFIX[form]}"
        self.arguments = [model, *plan]
        self.told = json.loads(cli("export", *self.arguments, "--to", form, "--out", out, "--json").stdout)
        self.files = [pathlib.Path(file) for file in self.told["files"]]
        self.layers = json.loads(cli("inspect", model, "--json").stdout)["layers"]
        saved = folder / "plan.halfstep.json"
        cli("export", *self.arguments, "--to", "plan", "--out", saved)
        self.plan = json.loads(saved.read_text())

    def text(self, index=0):
        return self.files[index].read_text()

    def planned(self, layer):
        plan = {**self.plan["default"], **self.plan["layers"].get(layer, {})}
        return Scheme.parse(plan["weights"]), plan.get("activations", "fp32")

    def lost(self, layer):
        return [loss["what"] for loss in self.told["lost"] if loss["layer"] in (layer, "*")]

    def names(self):
        """{layer: the target's name}, from the model file by this test's own reading; no name for the others."""
        return {layer["name"]: target_name(self.form, layer) for layer in self.layers}


def target_name(form, layer):
    weight, node = layer["weight"], layer["name"]
    module = weight.rsplit(".", 1)[0] if re.fullmatch(r"[A-Za-z0-9_.]+\.\w*weight\w*", weight) else None
    if form == "llama-cpp":
        if weight in FAMILIES:
            return FAMILIES[weight].removesuffix(".weight")
        return {("model.layers.%d." % n) + hf: ("blk.%d." % n) + gguf for n in range(16) for hf, gguf in
                (("self_attn.q_proj", "attn_q"), ("mlp.down_proj", "ffn_down"), ("mlp.up_proj", "ffn_up"))}.get(
                    module, {"lm_head": "output"}.get(module, module if re.match(r"blk\.\d", weight) else None))
    if form in ("nncf", "tensorrt"):
        return node
    if form == "aimet":
        return weight
    if form == "coreml":
        return re.sub(r"\W", "_", weight) if module else None
    if module is None and weight.startswith("onnx::"):
        return {"/enc/enc.0/fc/MatMul": "enc.0.fc"}.get(node)
    return module


class TextExports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.tricky = matmul_model(cls.folder / "tricky.onnx", TRICKY)
        cls.llama = matmul_model(cls.folder / "llama.onnx", LLAMA)
        cls.transformer = SOURCE / "sample_models" / "sequence_transformer.onnx"
        cls.cnn = SOURCE / "sample_models" / "digits_cnn.onnx"

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def export(self, model, form, *plan):
        return Export(self.folder, model, form, *plan)

    def compare(self, export, results, equal=lambda planned, found: planned == found, only=lambda layer: True):
        """`results`: {target's name: Scheme}; what is not in it stays in float. The plan, or a loss that says so."""
        compared = 0
        for layer in filter(only, export.layers):
            name = export.names()[layer["name"]]
            planned, _ = export.planned(layer["name"])
            if name is None:
                self.assertTrue(planned == FLOAT or any("has no name for it" in what
                                                        for what in export.lost(layer["name"])), layer["name"])
                continue
            found = results.get(name, FLOAT)
            floated = any("left in float" in what for what in export.lost(layer["name"]))
            expected = FLOAT if floated else planned
            self.assertTrue(equal(expected, found) if expected != FLOAT else found == FLOAT,
                            (export.form, layer["name"], name, expected, found, export.told["lost"]))
            compared += expected != FLOAT
        return compared

    def check_patterns(self, export, wide=("*", ".*")):
        """What the program says a pattern matches is what the target's rule, in Python, matches."""
        rules = {"exact": lambda pattern, name: pattern == name,
                 "substring": lambda pattern, name: pattern in name,
                 "fnmatch": lambda pattern, name: fnmatch.fnmatchcase(name, pattern),
                 "re.match": re.match,
                 "re.search": re.search,
                 "re.match or str.endswith": lambda pattern, name: re.match(pattern, name) or name.endswith(pattern),
                 "std::regex_search": lambda pattern, name: re.search(pattern.lower(), name),
                 "exact, with one *": lambda pattern, name: fnmatch.fnmatchcase(name, pattern)}
        names = {layer: name for layer, name in export.names().items() if name}
        for pattern in export.told["patterns"]:
            text = re.sub(r"^[-+]:", "", pattern["pattern"])
            rule = rules[pattern["matching"]]
            tails = {"modelopt": (".weight_quantizer", ".input_quantizer"), "llama-cpp": (".weight",)}.get(export.form, ("",))
            if export.form == "inc" and pattern["meaning"].startswith("2.x"):
                names_here = {layer["name"]: layer["name"] for layer in export.layers}
            elif export.form in ("aimet", "tensorrt") and pattern["meaning"].startswith(("input", "range")):
                continue  # names of values: checked where the values are
            elif export.form == "ai-edge":
                names_here = {layer["name"]: self.outputs(export.model)[layer["name"]] for layer in export.layers}
            else:
                names_here = names
            found = [layer for layer, name in names_here.items() if any(rule(text, name + tail) for tail in tails)]
            self.assertEqual(found, pattern["layers"] if text not in wide else
                             [layer for layer in pattern["layers"] if layer in names_here], (export.form, pattern))
            if text not in wide:
                self.assertEqual(len({names_here[layer] for layer in found}), 1, pattern)
        return export

    @staticmethod
    def outputs(model):
        return {node.name: node.output[0] for node in onnx.load(str(model)).graph.node}

    MIXED = ("--weights", "int4:asym:group32", "--set", "n10=int8", "--set", "n1=fp32", "--set", "head=int8")

    # ---------------------------------------------------------------------------------------------- AIMET

    def test_aimet(self):
        export = self.check_patterns(self.export(
            self.transformer, "aimet", "--weights", "int8", "--set", "decoder.0.*=uint4:group32", "--set",
            "decoder.1.*=int8:asym:tensor", "--set", "classifier=int4:group32", "--set", "decoder.2.mlp.up=fp32",
            "--set", "decoder.2.mlp.down=fp16", "--set", "embedding=uint8"))
        new, old, latest = (json.loads(export.text(index)) for index in range(3))
        self.assertTrue(str(export.files[1]).endswith(".v0.6.1.encodings"))
        self.assertTrue(str(export.files[2]).endswith(".v2.0.0.encodings"))
        SCHEMAS["aimet-1.0.0"](new), SCHEMAS["aimet-0.6.1"](old), SCHEMAS["aimet-2.0.0"](latest)
        dump = self.folder / "dump"
        cli("quantize", *export.arguments, "--dump", dump)
        by_name = {entry["name"]: entry for entry in new["param_encodings"]}
        latest_names = {entry["name"]: entry for entry in latest["encodings"]}
        grouped = 0
        for layer in export.layers:
            name, weight = layer["name"], layer["weight"]
            planned, _ = export.planned(name)
            if planned.kind != "int":
                self.assertEqual(weight in by_name, planned.kind == "fp16")
                self.assertNotIn(weight, latest_names)
                continue
            codes = np.load(dump / f"{name}.codes.npy").astype(np.int64)
            decoded = np.load(dump / f"{name}.dequantized.npy")
            axis = layer["channel_axis"]
            # 2.0.0: ONNX's DequantizeLinear
            entry = latest_names[weight]
            self.assertEqual(entry["output_dtype"], planned.token)
            scale = np.array(entry["y_scale"], np.float32)
            zero = np.array(entry.get("y_zero_point", np.zeros_like(scale)), np.int64)
            if "block_size" in entry:
                grouped += 1
                self.assertEqual(entry["axis"], 1 - axis)
                scale, zero = (np.repeat(part, entry["block_size"], axis=entry["axis"]) for part in (scale, zero))
            elif "axis" in entry:
                self.assertEqual(entry["axis"], axis)
                shape = [1] * codes.ndim
                shape[axis] = -1
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            np.testing.assert_array_equal(scale * (codes - zero).astype(np.float32), decoded)
            wrong = scale * (codes - zero - 1).astype(np.float32)
            self.assertFalse(np.array_equal(wrong, decoded))
            if planned.group and planned.group > 0 and axis == 1:
                self.assertNotIn(weight, by_name)
                self.assertTrue(any("1.0.0" in what for what in export.lost(name)))
                continue
            # The older forms: x = scale·(q from 0 + offset)
            unsigned = codes + (0 if planned.token.startswith("u") else 1 << (planned.bits - 1))
            entry = by_name[weight]
            self.assertEqual((entry["bw"], entry["is_sym"]), (planned.bits, planned.symmetric))
            scale = np.array(entry["scale"], np.float32)
            offset = np.array(entry["offset"], np.int64)
            rows = np.moveaxis(unsigned, axis, 0).reshape(unsigned.shape[axis], -1)
            per_row = len(scale) // rows.shape[0] if len(scale) > 1 else 0
            if per_row:
                blocks = rows.shape[1] // per_row
                self.assertEqual(entry.get("block_size", rows.shape[1]), blocks)
                spread = lambda part: np.repeat(part, blocks).reshape(rows.shape)
            else:
                spread = lambda part: part
            found = spread(scale) * (rows + spread(offset)).astype(np.float32)
            np.testing.assert_array_equal(found, np.moveaxis(decoded, axis, 0).reshape(rows.shape))
            if entry["enc_type"] == "PER_BLOCK":
                self.assertNotIn(weight, old["param_encodings"])
                continue
            legacy = old["param_encodings"][weight]
            self.assertEqual([one["scale"] for one in legacy], entry["scale"])
            self.assertEqual([one["offset"] for one in legacy], entry["offset"])
            for one in legacy:
                self.assertAlmostEqual(one["min"], one["scale"] * one["offset"], delta=1e-12)
                self.assertAlmostEqual(one["max"], one["scale"] * (one["offset"] + 2 ** one["bitwidth"] - 1), delta=1e-12)
        self.assertGreater(grouped, 3)

    def test_aimet_activations(self):
        export = self.check_patterns(self.export(self.cnn, "aimet", "--weights", "int8", "--activations", "uint8:tensor",
                                                 "--samples", "3"))
        new, old, latest = (json.loads(export.text(index)) for index in range(3))
        calibrated = self.folder / "ranges.h5"
        tensors = {tensor["name"]: tensor for tensor in json.loads(
            cli("calibrate", self.cnn, "--samples", "3", "--save", calibrated, "--json").stdout)["tensors"]}
        inputs = {node.input[0] for node in onnx.load(str(self.cnn)).graph.node if node.op_type in ("Conv", "Gemm")}
        self.assertEqual({entry["name"] for entry in new["activation_encodings"]}, inputs)
        latest_names = {entry["name"]: entry for entry in latest["encodings"]}
        for entry in new["activation_encodings"]:
            low, high = (tensors[entry["name"]][key] for key in ("min", "max"))
            scale = (max(high, 0) - min(low, 0)) / 255
            self.assertAlmostEqual(entry["scale"][0], scale, delta=1e-6 * scale)
            self.assertEqual(entry["offset"][0], round(min(low, 0) / scale))
            again = latest_names[entry["name"]]
            self.assertEqual(again["output_dtype"], "uint8")
            self.assertEqual(again.get("y_zero_point", 0), -entry["offset"][0])
            self.assertEqual(old["activation_encodings"][entry["name"]][0]["offset"], entry["offset"][0])
            self.assertEqual(entry["is_sym"], False)

    # ------------------------------------------------------------------------------------------- TensorRT

    def run_shell(self, script, program, *arguments, environment=None):
        """Runs a script with a stand-in for `program` first in the path; gives its arguments, and what a file that
        they name held."""
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        record = self.folder / "record"
        stand_in = tools / program
        stand_in.write_text("#!/bin/sh\n: > '%s'\nfor word in \"$@\"; do printf '%%s\\n' \"$word\" >> '%s'; done\n"
                            "for word in \"$@\"; do case $word in --calib=*) cp \"${word#--calib=}\" '%s.calib';; esac; "
                            "done\n" % (record, record, record))
        stand_in.chmod(0o755)
        subprocess.run(["sh", str(script), *arguments], check=True, timeout=60,
                       env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", **(environment or {})})
        return record.read_text().splitlines()

    def test_tensorrt_hex(self):
        self.assertEqual(struct.pack(">f", np.float32(2.0) / np.float32(127)).hex(), "3c810204")
        export = self.export(self.tricky, "tensorrt", "--weights", "int8", "--activations",
                             "int8:tensor:fixed(-2,2)", "--samples", "2")
        ranges = SCHEMAS["tensorrt-cache"](export.text())
        last = f"{TRICKY[-1][1]}_out"
        self.assertEqual(len(ranges), len(TRICKY) + 1)  # what a layer gives needs a scale, too, or it falls back to float
        self.assertEqual({digits for name, digits in ranges.items() if name != last}, {"3c810204"})
        self.assertIn("x: 3c810204", export.text())

    def test_tensorrt(self):
        export = self.check_patterns(self.export(
            self.tricky, "tensorrt", "--weights", "int8", "--activations", "uint8:tensor", "--samples", "2", "--set",
            "n10=fp16", "--set", "n1=fp32", "--set", "head=int4"))
        ranges = SCHEMAS["tensorrt-cache"](export.text())
        tensors = {tensor["name"]: tensor for tensor in json.loads(cli(
            "calibrate", self.tricky, "--samples", "2", "--save", self.folder / "t.h5", "--json").stdout)["tensors"]}
        for name, digits in ranges.items():
            scale, = struct.unpack(">f", bytes.fromhex(digits))
            largest = max(abs(tensors[name]["min"]), abs(tensors[name]["max"]))
            self.assertAlmostEqual(scale * 127, largest, delta=1e-5 * largest)
        arguments = self.run_shell(export.files[1], "trtexec", "m.onnx", "--saveEngine=a b",
                                   environment={"TENSORRT_VERSION": "8601"})
        self.assertEqual((self.folder / "record.calib").read_text(),
                         export.text().replace("TRT-100300-", "TRT-8601-"))
        for wanted in ("--onnx=m.onnx", "--int8", "--fp16", "--precisionConstraints=obey", "--saveEngine=a b"):
            self.assertIn(wanted, arguments)
        precisions = SCHEMAS["trtexec-precisions"](
            next(word for word in arguments if word.startswith("--layerPrecisions=")).split("=", 1)[1])
        result = {}
        for layer in export.layers:
            for pattern, precision in precisions:  # a later one overrides
                if fnmatch.fnmatchcase(layer["name"], pattern):
                    result[layer["name"]] = precision
        for layer in export.layers:
            name = layer["name"]
            expected = {"n10": "fp16", "n1": "fp32", "head": "fp32"}.get(name, "int8")
            self.assertEqual(result[name], expected, name)
            self.assertEqual(any("left in float" in what for what in export.lost(name)), name in ("head", "n1"))
        # Scales of all that the layers in int8 take and give.
        graph = {node.name: node for node in onnx.load(str(self.tricky)).graph.node}
        inside = [graph[name] for name, precision in result.items() if precision == "int8"]
        self.assertEqual(set(ranges), {node.input[0] for node in inside} | {node.output[0] for node in inside})
        self.assertTrue(any("asymmetric" in what for what in export.lost("n,2:a")))
        self.assertTrue(any("one precision" in what for what in export.lost("n10")))

    def test_tensorrt_names_that_trtexec_cannot_be_given(self):
        model = matmul_model(self.folder / "stars.onnx", [("a.weight", "a*b", 64, 64), ("b.weight", "it's", 64, 64),
                                                          ("c.weight", "c", 64, 64)])
        export = self.export(model, "tensorrt", "--weights", "fp16")
        for name in ("a*b", "it's"):
            self.assertTrue(any("cannot be given" in what and "left in float" in what for what in export.lost(name)))
        arguments = self.run_shell(export.files[1], "trtexec", "m.onnx")
        self.assertIn("--layerPrecisions=*:fp32,c:fp16", arguments)

    # ----------------------------------------------------------------------------------------------- NNCF

    def run_script(self, path, modules, *arguments):
        tree = ast.parse(path.read_text())
        self.assertTrue(ast.get_docstring(tree))
        with mock.patch.dict(sys.modules, modules), mock.patch.object(sys, "argv", [str(path), *map(str, arguments)]):
            runpy.run_path(str(path), run_name="__main__")

    @staticmethod
    def recorder(name, calls, **members):
        module = types.ModuleType(name)

        def record(kind):
            return lambda *positional, **named: calls.append((kind, positional, named)) or (kind, positional, named)

        for member, kind in members.items():
            setattr(module, member, record(member) if kind is None else kind)
        return module

    @staticmethod
    def enumeration(*members):
        return types.SimpleNamespace(**{member: member for member in members})

    def test_nncf(self):
        samples = self.folder / "samples"
        samples.mkdir(exist_ok=True)
        np.savez(samples / "0.npz", x=np.zeros((2, 64), np.float32))
        export = self.check_patterns(self.export(
            self.tricky, "nncf", "--weights", "int4:asym:group32", "--set", "n10=int8", "--set", "n1=fp32", "--set",
            "head=int8:asym", "--set", "n.0=int4:group64", "--set", "/MatMul_8=int3"))
        calls = []
        keys = {"IgnoredScope": {"names", "patterns", "types", "subgraphs", "validate"},
                "QuantizationParameters": {"num_bits", "mode", "signedness_to_force", "per_channel", "narrow_range"}}
        modes = self.enumeration("INT8_SYM", "INT8_ASYM", "INT4_SYM", "INT4_ASYM", "NF4")
        nncf = self.recorder("nncf", calls, quantize=None, compress_weights=None, Dataset=None, IgnoredScope=None,
                             QuantizationParameters=None, AdvancedQuantizationParameters=None, CompressWeightsMode=modes,
                             QuantizationMode=self.enumeration("SYMMETRIC", "ASYMMETRIC"))
        fake_onnx = self.recorder("onnx", calls, load=None, save=None)
        self.run_script(export.files[0], {"nncf": nncf, "onnx": fake_onnx}, "m.onnx", "q.onnx")
        self.assertEqual(calls[0][:2], ("load", ("m.onnx",)))
        self.assertEqual((calls[-1][0], calls[-1][1][1]), ("save", "q.onnx"))
        result = {}
        for kind, _, named in calls:
            if kind in keys:
                self.assertLessEqual(set(named), keys[kind])
            if kind != "compress_weights":
                continue
            self.assertLessEqual(set(named), {"mode", "ratio", "group_size", "all_layers", "ignored_scope"})
            ignored = named["ignored_scope"][2]["names"]
            self.assertLessEqual(set(ignored), {layer["name"] for layer in export.layers})
            bits, mapping = re.fullmatch(r"INT(\d)_(A?SYM)", named["mode"]).groups()
            self.assertEqual("group_size" in named, bits == "4")  # the 8-bit modes refuse it
            for layer in {layer["name"] for layer in export.layers} - set(ignored):
                self.assertNotIn(layer, result)
                result[layer] = Scheme(f"int{bits}", mapping == "SYM", named.get("group_size", -1))
        self.assertEqual(self.compare(export, result), len(TRICKY) - 2)
        # One pass with activations.
        export = self.export(self.tricky, "nncf", "--weights", "int8", "--activations", "uint8:tensor", "--set",
                             "n1=fp32", "--set", "n10=int4:group32")
        calls.clear()
        self.run_script(export.files[0], {"nncf": nncf, "onnx": fake_onnx}, "m.onnx", "q.onnx", samples)
        named = next(named for kind, _, named in calls if kind == "quantize")
        self.assertLessEqual(set(named), {"ignored_scope", "advanced_parameters"})
        # n1 is all float by its own scheme, but takes 8-bit activations: no pass has that.
        self.assertEqual(set(named["ignored_scope"][2]["names"]), {"n1", "n10"})
        advanced = named["advanced_parameters"][2]
        self.assertEqual(advanced["weights_quantization_params"][2],
                         {"num_bits": 8, "mode": "SYMMETRIC", "per_channel": True})
        self.assertEqual(advanced["activations_quantization_params"][2],
                         {"num_bits": 8, "mode": "ASYMMETRIC", "per_channel": False})

    # ------------------------------------------------------------------------------------ Neural Compressor

    def test_neural_compressor(self):
        export = self.check_patterns(self.export(self.tricky, "inc", *self.MIXED, "--set", "n.0=uint3", "--set",
                                                 "n1=int8"))
        rtn = SCHEMAS["inc-rtn"](json.loads(export.text()))
        modules = {name for name in export.names().values() if name}

        def scheme(words):
            return FLOAT if words["dtype"] == "fp32" else Scheme(f"int{words['bits']}", words["use_sym"], words["group_size"])

        result = {}
        for name in modules:
            found = [words for pattern, words in rtn["local"].items() if re.match(pattern, name)]
            self.assertLessEqual(len(found), 1)
            result[name] = scheme(found[0] if found else rtn["global"])
        # One layer has no name: a default would reach it. And a head would stay in float whatever the rules say.
        self.assertEqual(rtn["global"], {"dtype": "fp32", "quant_lm_head": True})
        export.told["lost"] = [loss for loss in export.told["lost"] if loss["what"].startswith("3.x")]
        self.assertEqual(self.compare(export, result, Scheme.same_grid), 7)
        calls = []
        parameters = {"approach", "op_name_dict"}
        package = self.recorder("neural_compressor", calls, PostTrainingQuantConfig=None,
                                quantization=types.SimpleNamespace(fit=lambda *positional, **named: calls.append(
                                    ("fit", positional, named)) or types.SimpleNamespace(save=lambda path: calls.append(
                                        ("save", (path,), {})))))
        self.run_script(export.files[1], {"neural_compressor": package}, "m.onnx", "q.onnx")
        config = next(named for kind, _, named in calls if kind == "PostTrainingQuantConfig")
        self.assertEqual(set(config), parameters)
        self.assertEqual(config["approach"], "weight_only")
        for layer in export.layers:
            words = [words for pattern, words in config["op_name_dict"].items() if re.match(pattern, layer["name"])]
            self.assertEqual(len(words), 1, layer["name"])
            weight = words[0]["weight"]
            planned, _ = export.planned(layer["name"])
            found = FLOAT if weight.get("dtype") == "fp32" else Scheme(f"int{weight['bits']}", weight["scheme"] == "sym",
                                                                       weight["group_size"])
            self.assertTrue(Scheme.same_grid(planned, found), (layer["name"], planned, found))
        self.assertEqual(calls[-1], ("save", ("q.onnx",), {}))
        # Without layers that have no name the scheme of most is the default.
        export = self.check_patterns(self.export(self.transformer, "inc", "--weights", "int4:group32", "--set",
                                                 "decoder.1.*=int8"))
        rtn = SCHEMAS["inc-rtn"](json.loads(export.text()))
        self.assertEqual(rtn["global"]["bits"], 4)
        self.assertEqual(len(rtn["local"]), 6)

    def test_neural_compressor_head(self):
        """RTNConfig leaves modules called lm_head in float, over its own rules, unless quant_lm_head is set."""
        model = matmul_model(self.folder / "heads.onnx", LLAMA[:2] + LLAMA[-1:])
        for scheme, expected in (("int8", True), ("fp32", None)):
            export = self.export(model, "inc", "--weights", "int4:group32", "--set", f"head={scheme}")
            rtn = SCHEMAS["inc-rtn"](json.loads(export.text()))
            self.assertEqual(rtn["global"].get("quant_lm_head"), expected)
            self.assertEqual(len(rtn["local"]), 1)

    def test_neural_compressor_static(self):
        export = self.check_patterns(self.export(self.cnn, "inc", "--weights", "int8", "--activations",
                                                 "uint8:tensor:kl", "--set", "head=fp32"))
        calls = []
        fit = types.SimpleNamespace(fit=lambda *positional, **named: types.SimpleNamespace(save=calls.append))
        package = self.recorder("neural_compressor", calls, PostTrainingQuantConfig=None, quantization=fit)
        self.run_script(export.files[1], {"neural_compressor": package}, "m.onnx", "q.onnx", self.folder)
        config = calls[0][2]
        self.assertEqual(config["approach"], "static")
        SCHEMAS["inc-2x-static"](config["op_name_dict"])
        stem = next(words for pattern, words in config["op_name_dict"].items() if re.match(pattern, "stem"))
        self.assertEqual(stem["weight"], {"dtype": ["int8"], "scheme": ["sym"], "granularity": ["per_channel"],
                                          "algorithm": ["minmax"]})
        self.assertEqual(stem["activation"], {"dtype": ["uint8"], "scheme": ["asym"], "granularity": ["per_tensor"],
                                              "algorithm": ["kl"]})

    # --------------------------------------------------------------------------------------------- ModelOpt

    def test_modelopt(self):
        export = self.check_patterns(self.export(
            self.tricky, "modelopt", "--weights", "int4:group32", "--activations", "dynamic:int8:tensor", "--set",
            "n10=int8", "--set", "n.0=fp8e4m3:tensor", "--set", "head=uint4"))
        rules = SCHEMAS["modelopt-list"](load_yaml(export.text()))
        namespace = {}
        exec(compile(ast.parse(export.text(1)), "m.py", "exec"), namespace)
        older = SCHEMAS["modelopt-dict"](namespace["QUANT_CFG"])
        result = {}
        for name in filter(None, export.names().values()):
            words = older_words = None
            for rule in rules:  # the last one decides
                if fnmatch.fnmatchcase(f"{name}.weight_quantizer", rule["quantizer_name"]):
                    words = rule.get("cfg")
            for pattern, value in older["quant_cfg"].items():
                if pattern != "default" and fnmatch.fnmatchcase(f"{name}.weight_quantizer", pattern):
                    older_words = value
            self.assertEqual(words, older_words)
            if words:
                blocks = words.get("block_sizes", {})
                token = "fp8e4m3" if words["num_bits"] == [4, 3] else f"int{words['num_bits']}"
                result[name] = Scheme(token, True, blocks.get(-1, -1 if words.get("axis") == 0 else None))
        self.assertEqual(self.compare(export, result), 6)
        active = [rule for rule in rules if rule["quantizer_name"].endswith(".input_quantizer")]
        self.assertEqual({json.dumps(rule["cfg"]) for rule in active},
                         {'{"num_bits": 8, "axis": null, "type": "dynamic"}'})

    # ---------------------------------------------------------------------------------- Hugging Face's family

    def test_compressed_tensors(self):
        export = self.check_patterns(self.export(
            self.tricky, "compressed-tensors", *self.MIXED, "--set", "n.0=int8:halfstep", "--set", "n,2:a=fp8e4m3"))
        recipe = SCHEMAS["llm-compressor"](load_yaml(export.text()))
        config = SCHEMAS["compressed-tensors"](json.loads(export.text(1)))
        self.assertEqual(config["format"], "mixed-precision")
        for groups in (recipe["config_groups"], config["config_groups"]):
            result = {}
            for group in groups.values():
                weights = group["weights"]
                for target in group["targets"]:
                    self.assertNotIn(target, result)
                    token = "fp8e4m3" if weights["type"] == "float" else f"int{weights['num_bits']}"
                    result[target] = Scheme(token, weights["symmetric"], {
                        "channel": -1, "tensor": None, "group": weights.get("group_size")}[weights["strategy"]])
            self.assertEqual(self.compare(export, result), 6)
        self.assertTrue(any("halfstep" in what for what in export.lost("n10")))
        self.assertFalse(any("halfstep" in what for what in export.lost("n.0")))
        export = self.export(self.tricky, "compressed-tensors", "--weights", "int8", "--activations",
                             "dynamic:int8:channel")
        config = SCHEMAS["compressed-tensors"](json.loads(export.text(1)))
        self.assertEqual(config["format"], "int-quantized")
        self.assertEqual(config["config_groups"]["group_0"]["input_activations"],
                         {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True})

    def test_gptqmodel(self):
        export = self.check_patterns(self.export(self.tricky, "gptqmodel", *self.MIXED, "--set", "n.0=int2:group64"))
        config = SCHEMAS["gptqmodel"](json.loads(export.text()))
        self.assertTrue(config["lm_head"])
        result = {}
        for name in filter(None, export.names().values()):
            words = {key: config[key] for key in ("bits", "group_size", "sym")}
            for pattern, override in config["dynamic"].items():
                sign, rule = re.fullmatch(r"([-+]:)?(.*)", pattern).groups()
                if re.match(rule, name):
                    words = None if sign == "-:" else {**words, **override}
                    break
            if words:
                result[name] = Scheme(f"int{words['bits']}", words["sym"], words["group_size"])
        self.assertEqual(self.compare(export, result), 6)

    def test_autoawq(self):
        export = self.check_patterns(self.export(self.tricky, "awq", *self.MIXED), wide=("layers.1", "layers.2"))
        config = SCHEMAS["awq"](json.loads(export.text()))
        native = SCHEMAS["awq-native"](json.loads(export.text(1)))
        self.assertEqual(native["modules_to_not_convert"], config["modules_to_not_convert"])
        self.assertEqual((native["q_group_size"], native["zero_point"]), (config["group_size"], config["zero_point"]))
        result = {name: Scheme("int4", not config["zero_point"], config["group_size"])
                  for name in filter(None, export.names().values())
                  if not any(skipped in name for skipped in config["modules_to_not_convert"])}
        self.assertEqual(self.compare(export, result), 4)
        # With n10 in the plan, too, leaving out layers.1 leaves it out: that is a loss.
        export = self.export(self.tricky, "awq", "--weights", "int4:group32", "--set", "n1=fp32")
        self.assertTrue(any("layers.1" in what and "left in float" in what for what in export.lost("n10")))
        self.assertFalse(any("left in float" in what for what in export.lost("n.0")))

    def test_bitsandbytes(self):
        export = self.check_patterns(self.export(self.tricky, "bitsandbytes", "--weights", "int8", "--set", "n10=int4",
                                                 "--set", "/layers/2/MatMul=fp32"), wide=("layers.2",))
        config = SCHEMAS["bitsandbytes"](json.loads(export.text()))
        skipped = config["llm_int8_skip_modules"]
        result = {name: Scheme("int8", True, -1) for name in filter(None, export.names().values())
                  if not any(re.match(rf"{key}\.", name) or re.match(key, name) or name.endswith(key)
                             for key in skipped)}
        self.assertEqual(self.compare(export, result), 4)
        self.assertTrue(any("layers.2" in what for what in export.lost("n,2:a")))  # model.layers.2 ends in it

    def test_torchao(self):
        export = self.check_patterns(self.export(self.tricky, "torchao", *self.MIXED, "--set", "n.0=int3"))
        modules = SCHEMAS["torchao"](json.loads(export.text()))
        result = {}
        for name, words in modules.items():
            if words is None:
                continue
            data = words["_data"]
            if words["_type"] == "Int8WeightOnlyConfig":
                result[name] = Scheme("int8", True, -1)
            else:
                granularity = data["granularity"]
                result[name] = Scheme(data["weight_dtype"]["_data"], data["mapping_type"]["_data"] == "SYMMETRIC",
                                      granularity["_data"].get("group_size", -1))
        self.assertEqual(self.compare(export, result), 6)
        export = self.export(self.tricky, "torchao", "--weights", "int8", "--activations", "dynamic:int8:channel")
        modules = SCHEMAS["torchao"](json.loads(export.text()))
        self.assertEqual({words["_type"] for words in modules.values()}, {"Int8DynamicActivationInt8WeightConfig"})

    # -------------------------------------------------------------------------------------------- llama.cpp

    def test_llama_cpp(self):
        export = self.check_patterns(self.export(
            self.llama, "llama-cpp", "--weights", "int4:absmax:group32", "--set", "d0=int8:away:group32", "--set",
            "q1=fp32", "--set", "u10=int6", "--set", "g11=int8", "--set", "head=fp16"))
        rules = SCHEMAS["llama-types"](export.text())
        tensors = {name + ".weight" for name in filter(None, export.names().values())}
        result = {}
        for tensor in tensors:  # the first that is found decides
            found = [kind for pattern, kind in rules if re.search(pattern.lower(), tensor)]
            self.assertEqual(len(found), 1, tensor)
            result[tensor] = found[0]
        self.assertEqual(result, {"blk.0.attn_q.weight": "q4_0", "blk.0.ffn_down.weight": "q8_0",
                                  "blk.1.attn_q.weight": "f32", "blk.10.ffn_up.weight": "q8_0",
                                  "blk.11.ffn_gate.weight": "f16", "output.weight": "f16"})
        self.assertEqual(export.lost("q0")[:-1], [])  # the same codes: only what is said of all
        self.assertTrue(any("multiple of 256" in what for what in export.lost("u10")))
        self.assertTrue(any("multiple of 32" in what for what in export.lost("g11")))
        self.assertTrue(any("no name" in what for what in export.lost("odd")))
        arguments = self.run_shell(export.files[1], "llama-quantize", "in.gguf", "out file.gguf", "4")
        self.assertEqual(arguments, ["--tensor-type-file", str(export.files[0]), "--output-tensor-type", "f16",
                                     "in.gguf", "out file.gguf", "Q8_0", "4"])

    def test_llama_cpp_names_of_other_families(self):
        model = matmul_model(self.folder / "families.onnx", [(name, f"n{i}", 64, 64) for i, name in enumerate(FAMILIES)])
        export = self.check_patterns(self.export(model, "llama-cpp", "--weights", "int8:away:group32"))
        rules = SCHEMAS["llama-types"](export.text())
        for tensor in FAMILIES.values():
            self.assertEqual([kind for pattern, kind in rules if re.search(pattern.lower(), tensor)], ["q8_0"], tensor)

    # --------------------------------------------------------------------------------------- the edge's tools

    def test_ai_edge(self):
        export = self.check_patterns(self.export(
            self.cnn, "ai-edge", "--weights", "int8", "--activations", "int8:asym:tensor", "--set", "head=fp32", "--set",
            "block1.expand=uint8", "--set", "classifier=int4:group32"))
        rules = SCHEMAS["ai-edge"](json.loads(export.text()))
        outputs = self.outputs(self.cnn)
        result = {}
        for layer in export.layers:
            scope = outputs[layer["name"]] + ";"
            operation = {"Gemm": "FULLY_CONNECTED"}.get(layer["op"], "DEPTHWISE_CONV_2D" if "depthwise" in layer["name"]
                                                        else "CONV_2D")
            found = None
            for rule in rules:  # later ones override
                if re.search(rule["regex"], scope) and rule["operation"] in ("*", operation):
                    found = rule
            if found["algorithm_key"] != "no_quantize":
                weights = found["op_config"]["weight_tensor_config"]
                granularity = weights["granularity"]
                size = {"CHANNELWISE": -1, "TENSORWISE": None}.get(granularity) if "BLOCK" not in granularity else int(
                    granularity.rsplit("_", 1)[1])
                result[target_name("ai-edge", layer)] = Scheme(f"int{weights['num_bits']}", weights["symmetric"], size)
                self.assertEqual(found["op_config"]["compute_precision"], "INTEGER")
        self.assertGreater(self.compare(export, result), 10)
        export = self.export(self.tricky, "ai-edge", "--weights", "int8", "--set", "n1=fp16")
        rules = SCHEMAS["ai-edge"](json.loads(export.text()))
        self.assertEqual({rule["algorithm_key"] for rule in rules},
                         {"no_quantize", "min_max_uniform_quantize", "float_casting"})
        scopes = [f"{node}_out;" for _, node, _, _ in TRICKY]
        for rule in rules[1:]:  # n1_out is the beginning of nothing else here, but n10_out would be of n1
            self.assertEqual(sum(bool(re.search(rule["regex"], scope)) for scope in scopes), 1, rule)

    def test_coreml(self):
        export = self.check_patterns(self.export(
            self.transformer, "coreml", "--weights", "int4:asym:group32", "--set", "decoder.1.*=int8", "--set",
            "classifier=uint8:tensor", "--set", "embedding=fp32", "--set", "decoder.0.mlp.up=int6"))
        names = SCHEMAS["coreml"](load_yaml(export.text()))
        result = {name: Scheme(words["dtype"], words["mode"] == "linear_symmetric",
                               {"per_channel": -1, "per_tensor": None}.get(words["granularity"], words.get("block_size")))
                  for name, words in names.items() if words}
        self.assertEqual(self.compare(export, result), len(export.layers) - 2)

    # --------------------------------------------------------------------------------------------- all of them

    def test_reading_without_a_yaml_library(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("PyYAML is not installed: every other test here reads without it")
        for form in ("modelopt", "compressed-tensors", "coreml"):
            for plan in (self.MIXED, ("--weights", "fp32")):
                text = self.export(self.tricky, form, *plan).text()
                self.assertEqual(read_yaml_alone(text), yaml.safe_load(text), form)

    def test_list_and_versions(self):
        listed = {entry["format"]: entry for entry in json.loads(cli("export", "--list", "--json").stdout)["formats"]}
        for form in FORMATS:
            self.assertIn(form, listed)
            self.assertRegex(listed[form]["explanation"], r"\d", form)  # a version
            self.assertEqual(listed[form]["suffix"], SUFFIX[form])

    def test_names_without_modules_are_said(self):
        for form in FORMATS:
            if form in ("aimet", "nncf", "tensorrt", "ai-edge"):
                continue  # they know the graph's own names
            export = self.export(self.tricky, form, "--weights", "int8")
            self.assertTrue(any("onnx::MatMul_8" in what for what in export.lost("/MatMul_8")), form)
            self.assertNotIn("MatMul_8", "".join(export.text(index) for index in range(len(export.files))
                                                 if export.files[index].suffix != ".py"))

    def test_nodes_without_names(self):
        """What becomes of a layer that no rule can name, where the tool reaches every node."""
        model = matmul_model(self.folder / "unnamed.onnx", [("a.weight", "a", 64, 64), ("onnx::MatMul_7", "", 64, 64)])
        for form in ("nncf", "inc", "gptqmodel", "awq", "bitsandbytes", "llama-cpp"):
            told = json.loads(cli("export", model, "--weights", "int8", "--set", "onnx::MatMul_7=fp32", "--to", form,
                                  "--out", self.folder / f"unnamed.{SUFFIX[form]}", "--json").stdout)
            lost = [loss["what"] for loss in told["lost"] if loss["layer"] == "onnx::MatMul_7"]
            self.assertTrue(any("should stay float" in what for what in lost), (form, told["lost"]))
            self.assertFalse(any("left in float" in what for what in lost), form)
        for form in ("tensorrt", "modelopt", "torchao", "compressed-tensors", "ai-edge"):  # these do not
            told = json.loads(cli("export", model, "--weights", "int8", "--set", "onnx::MatMul_7=fp32", "--to", form,
                                  "--out", self.folder / f"unnamed.{SUFFIX[form]}", "--json").stdout)
            self.assertFalse(any("should stay float" in loss["what"] for loss in told["lost"]), form)

    def test_layers_in_subgraphs(self):
        """NNCF stops at a name to ignore that is not in the main graph; Neural Compressor passes over it."""
        random = np.random.default_rng(3)
        weight = lambda name: numpy_helper.from_array(random.standard_normal((8, 8), dtype=np.float32), name)
        value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8])
        branches = {f"{which}_branch": helper.make_graph(
            [helper.make_node("MatMul", ["m", f"{which}.weight"], [f"{which}_out"], name=which)], which, [],
            [value(f"{which}_out")], [weight(f"{which}.weight")]) for which in ("then", "else")}
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w.weight"], ["m"], name="outside"),
                                   helper.make_node("If", ["c"], ["y"], name="if", **branches)], "g",
                                  [value("x"), helper.make_tensor_value_info("c", TensorProto.BOOL, [])], [value("y")],
                                  [weight("w.weight")])
        model = self.folder / "if.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(model))
        for form, prefix in (("nncf", ""), ("inc", "2.x: ")):
            export = self.export(model, form, "--weights", "int8", "--set", "if/else_branch/else=fp32")
            self.assertTrue(any(what.startswith(prefix) and "subgraph" in what for what in export.lost("if/then_branch/then")))
            script = export.text(0 if form == "nncf" else 1)
            if form == "nncf":
                self.assertIn('"ignored": []', script)

    def test_ranges_of_activations_that_a_tool_finds_again(self):
        for form, model in (("nncf", self.cnn), ("inc", self.cnn), ("modelopt", self.transformer),
                            ("compressed-tensors", self.transformer), ("ort-overrides", self.cnn)):
            for rule, said in (("pct99.9", True), ("minmax", False)):
                told = json.loads(cli("export", model, "--weights", "int8", "--activations", f"int8:tensor:{rule}", "--to",
                                      form, "--out", self.folder / "ranges.json", "--json").stdout)
                self.assertEqual(any("activations, range" in loss["what"] for loss in told["lost"]), said, form)

    def test_files_that_belong_together_are_written_together(self):
        """Where the second one cannot be, the first one is as it was."""
        folder = self.folder / "together"
        folder.mkdir()
        for form, first, second in (("modelopt", "m.yaml", "m.py"), ("llama-cpp", "m.txt", "m.sh"),
                                    ("ort-overrides", "m.json", "m.py")):
            (folder / first).write_text("old")
            (folder / second).mkdir()
            done = cli("export", self.llama, "--weights", "int8", "--to", form, "--out", folder / first, status=1)
            self.assertIn(second, done.stderr)
            self.assertEqual((folder / first).read_text(), "old", form)
            self.assertEqual(sorted(os.listdir(folder)), sorted([first, second]), form)
            (folder / second).rmdir()
            (folder / first).unlink()

    def test_plan_of_floats(self):
        for form in FORMATS:
            export = self.export(self.tricky, form, "--weights", "fp32")
            for file in export.files:
                self.assertTrue(file.read_text())
                if file.suffix == ".json" or file.suffix == ".encodings":
                    json.loads(file.read_text())
                elif file.suffix == ".yaml":
                    load_yaml(file.read_text())
                elif file.suffix == ".py":
                    ast.parse(file.read_text())

    def test_missing_calibration(self):
        saved = self.folder / "other.h5"
        cli("calibrate", self.cnn, "--samples", "1", "--save", saved, "--json")
        for form in ("aimet", "tensorrt"):
            out = self.folder / f"none.{SUFFIX[form]}"
            done = cli("export", self.tricky, "--weights", "int8", "--activations", "uint8:tensor", "--calibration", saved,
                       "--to", form, "--out", out, status=2)
            self.assertIn("not calibrated", done.stderr)
            self.assertFalse(out.exists())

    def test_shared_models(self):
        folder = pathlib.Path(os.environ.get("HALFSTEP_MODELS") or SOURCE.parent / "shared" / "models")
        models = [folder / "derived" / name for name in ("cifar10_resnet20.onnx", "stories260k_T64.onnx")]
        if not all(model.exists() for model in models):
            self.skipTest(f"no shared models in {folder} (set HALFSTEP_MODELS)")
        for model in models:
            for form in FORMATS:
                export = self.export(model, form, "--weights", "int8")
                for index, file in enumerate(export.files):
                    key = {"gptqmodel": "gptqmodel", "bitsandbytes": "bitsandbytes", "torchao": "torchao",
                           "ai-edge": "ai-edge"}.get(form)
                    if key and index == 0:
                        SCHEMAS[key](json.loads(file.read_text()))
        export = self.export(models[0], "coreml", "--weights", "int8")
        self.assertEqual(len([loss for loss in export.told["lost"] if "onnx::Conv_" in loss["what"]]), 
                         sum(layer["weight"].startswith("onnx::") for layer in export.layers))
        export = self.export(models[0], "modelopt", "--weights", "int8")  # by the scopes of its nodes
        self.assertIn('"layer1.0.conv1.weight_quantizer"', export.text())


if __name__ == "__main__":
    CLI, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
    del sys.argv[1:3]
    unittest.main()
