#!/usr/bin/env python3
"""Reports of `halfstep-cli report` and `export`: the page read with html.parser, the arrays with h5py, both held against
the JSON report and NumPy.

    check_report.py HALFSTEP_CLI
"""
import csv
import html
import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLI = ""
HOSTILE = "<script>alert(1)</script>\"'&\u202e"
VOID = {"meta", "br"}
ALLOWED_LINKS = re.compile(r"#[\w-]+")


def cli(*arguments, status=0):
    done = subprocess.run([CLI, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


def make_model(path, names, width=16):
    """Products one after the other, each named; the last one gives two classes."""
    random = np.random.default_rng(11)
    nodes, weights, value = [], [], "x"
    for index, name in enumerate(names):
        columns = 2 if index + 1 == len(names) else width
        weights.append(numpy_helper.from_array(
            (random.standard_normal((width, columns)) / np.sqrt(width)).astype(np.float32), f"w{index}"))
        output = "y" if index + 1 == len(names) else f"v{index}"
        nodes.append(helper.make_node("MatMul", [value, f"w{index}"], [output], name=name))
        value = output
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, width])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return {weight.name: numpy_helper.to_array(weight) for weight in weights}


class Page(html.parser.HTMLParser):
    """Checks that elements nest and that nothing outside is asked for; collects texts, tables and ids."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.problems, self.open, self.ids, self.links, self.rows = [], [], set(), [], []
        self.tags, self.text, self.table = {}, "", None
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"never closed: {self.open}")

    def handle_starttag(self, tag, attributes, closed=False):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        values = dict(attributes)
        if tag in ("script", "link", "iframe", "img", "object", "base", "form"):
            self.problems.append(f"<{tag}>")
        for name, value in attributes:
            if name.startswith("on") or name in ("src", "srcset", "xlink:href", "action", "style"):
                self.problems.append(f"{tag} {name}")
            if name == "href" and not ALLOWED_LINKS.fullmatch(value):
                self.problems.append(f"link to {value}")
        if "href" in values:
            self.links.append(values["href"][1:])
        if "id" in values:
            if values["id"] in self.ids:
                self.problems.append(f"twice: {values['id']}")
            self.ids.add(values["id"])
        for name in values.get("aria-labelledby", "").split():
            self.links.append(name)
        if not closed and tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.table = values.get("id")
        if tag == "tr":
            self.rows.append((self.table, []))
        if tag in ("th", "td") and self.rows:
            self.rows[-1][1].append([])
        if tag == "data" and self.rows and self.rows[-1][1]:
            self.rows[-1][1][-1].append(float(values["value"]))
        if tag == "th" and "scope" not in values:
            self.problems.append("a head of a table without scope")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes, closed=True)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text += data
        if "style" in self.open and re.search(r"@import|url\(|@font-face", data):
            self.problems.append("the style sheet loads something")
        if self.open and self.open[-1] in ("th", "td") and self.rows and self.rows[-1][1] and data.strip():
            self.rows[-1][1][-1].append(data)


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="halfstep-report-")
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.model = cls.folder / "model.onnx"
        cls.names = ["first", HOSTILE, "third"]
        cls.weights = make_model(cls.model, cls.names)
        cls.data = cls.folder / "x.npy"
        cls.samples = np.random.default_rng(5).standard_normal((12, 16)).astype(np.float32)
        np.save(cls.data, cls.samples)
        cls.journal = cls.folder / "sweep.jsonl"
        cls.told = {}
        for suffix in ("html", "json", "csv", "h5"):
            cls.told[suffix] = json.loads(cls.report(suffix, "--latency").stdout)
        cls.json = json.loads((cls.folder / "report.json").read_text(encoding="utf-8"))
        cls.html = (cls.folder / "report.html").read_text(encoding="utf-8")
        cls.page = Page(cls.html)

    @classmethod
    def report(cls, suffix, *more, name="report"):
        return cli("report", cls.model, *([] if "--weights" in more else ["--weights", "int4"]),
                   "--set", "first=int8", "--set", "<script>*=int4:tensor", "--activations", "uint8:tensor",
                   "--data", cls.data, "--schemes", "int8,int4", "--sensitivity", cls.journal, "--json", "--out",
                   cls.folder / f"{name}.{suffix}", *more)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_told(self):
        told = self.told["html"]
        self.assertEqual(told["format"], "report-html")
        self.assertEqual(told["files"], [str(self.folder / "report.html")])
        self.assertEqual(told["measured"]["evaluation"], self.json["measured"]["evaluation"])
        self.assertEqual(told["measured"]["evaluation"]["samples"], 12)
        self.assertEqual(told["measured"]["sensitivity"]["schemes"], ["int8", "int4"])

    def test_parser_sees_faults(self):
        for wrong in ("<p><b></p></b>", "<a href=\"http://x\">x</a>", "<script>x</script>", "<p>", "<img src=\"x\"/>",
                      "<table><tr><th>x</th></tr></table>", "<p id=\"a\"></p><p id=\"a\"></p>",
                      "<style>@import 'x'</style>"):
            self.assertTrue(Page(wrong).problems, wrong)

    def test_page(self):
        self.assertEqual(self.page.problems, [])
        self.assertNotIn("http:", self.html)
        self.assertNotIn("https:", self.html)
        self.assertNotIn("<script", self.html)
        self.assertNotIn("\u202e", self.html)
        self.assertIn("<script>alert(1)</script>\"'&\\u{202e}", self.page.text)
        self.assertEqual([link for link in self.page.links if link not in self.page.ids], [])
        self.assertEqual(self.page.tags["h1"], 1)
        self.assertEqual(self.page.tags["svg"], self.html.count("role=\"img\""))
        self.assertGreaterEqual(self.page.tags["svg"], 8)
        self.assertIn(self.json["model"]["sha256"], self.page.text)
        self.assertNotIn("not measured: run", self.page.text)
        self.assertIn("12 samples", self.page.text)
        self.assertIn("Judged on its own calibration.", self.page.text)
        self.assertIn("halfstep-cli report model.onnx --plan plan.halfstep.json --schemes int8,int4 --metric kl "
                      "--latency --out report.html", self.page.text)
        self.assertIn("The whole network: fp32 ", self.page.text)
        for name, network in self.json["measured"]["latency"]["network_in"].items():
            self.assertGreater(network["median"], 0)
            self.assertIn(f", with its layers in {name} ", self.page.text)

    def test_no_words_of_a_plot_are_cut_off(self):
        """Every text is within its picture, at the average width of a digit in the 12 px font."""
        letter = 6.7
        found = 0
        for width, picture in re.findall(r'<svg viewBox="0 0 (\d+) \d+"(.*?)</svg>', self.html, re.DOTALL):
            for x, anchor, words in re.findall(r'<text x="([-\d.]+)" y="[-\d.]+" text-anchor="(\w+)"[^>]*>([^<]+)',
                                               picture):
                length = letter * len(html.unescape(words))
                first = float(x) - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * length
                self.assertGreaterEqual(first, -2.0, words)
                self.assertLessEqual(first + length, float(width) + 2.0, words)
                found += 1
        self.assertGreater(found, 50)

    def test_an_interval_without_width_is_explained(self):
        self.report("html", "--weights", "int16", name="fine")
        text = Page((self.folder / "fine.html").read_text(encoding="utf-8")).text
        self.assertIn("With 12 samples up to about 25.0\u202f% of others may fail", text)
        single = self.folder / "single.html"
        cli("report", self.model, "--weights", "int4", "--data", self.data, "--samples", "1", "--out", single)
        self.assertIn("– (one sample)", Page(single.read_text(encoding="utf-8")).text)

    def test_page_has_the_figures_of_the_json_report(self):
        rows = [cells for section, cells in self.page.rows if section == "layers"]
        by_name = {cells[0][0]: cells for cells in rows[1:1 + len(self.names)]}
        for layer in self.json["layers"]:
            cells = by_name[layer["name"].replace("\u202e", "\\u{202e}")]
            numbers = [None if cell[0] == "–" else cell[0] for cell in cells[5:]]
            errors = layer["errors"]
            expected = [layer["bits_per_weight"], layer["bytes"], layer["sqnr_db"], layer["clipped"],
                        errors["isolated_sqnr_db"]["value"], errors["accumulated_sqnr_db"]["value"],
                        layer["sensitivity"]["planned"]]
            self.assertEqual(numbers[:7], expected)
            self.assertEqual(cells[3], [layer["scheme"]])
            self.assertEqual(cells[4], [layer["activations"]])
        evaluation = self.json["measured"]["evaluation"]
        metrics = re.findall(r'<tr data-metric="(\w+)">.*?<data value="([^"]+)">.*?<data value="([^"]+)">'
                             r'.*?<data value="([^"]+)">', self.html, re.S)
        self.assertGreaterEqual(len(metrics), 5)
        for metric, *values in metrics:
            want = evaluation[metric]
            self.assertEqual([float(value) for value in values], [want["value"], want["low"], want["high"]], metric)

    def test_the_plan_in_the_page_makes_it_again(self):
        start = self.html.index('<code id="plan">') + len('<code id="plan">')
        plan = html.unescape(self.html[start:self.html.index("</code>", start)])
        path = self.folder / "again.halfstep.json"
        self.assertEqual(json.loads(plan)["layers"][HOSTILE]["weights"], "int4:tensor")
        path.write_text(plan, encoding="utf-8")
        cli("report", self.model, "--plan", path, "--schemes", "int8,int4", "--metric", "kl", "--out",
            self.folder / "again.html")
        self.report("html", name="same")
        self.assertEqual((self.folder / "again.html").read_bytes(), (self.folder / "same.html").read_bytes())

    def test_same_bytes(self):
        for suffix in ("html", "json", "csv", "h5"):
            self.report(suffix, name="one")
            self.report(suffix, name="two")
            self.assertEqual((self.folder / f"one.{suffix}").read_bytes(), (self.folder / f"two.{suffix}").read_bytes(),
                             suffix)

    def test_what_was_not_measured_is_said(self):
        out = self.folder / "weights.html"
        cli("export", self.model, "--weights", "int4", "--to", "report-html", "--out", out)
        page = Page(out.read_text(encoding="utf-8"))
        self.assertEqual(page.problems, [])
        for what in ("effect on the network's output", "Sensitivity", "Latency", "Error along the network"):
            self.assertRegex(page.text, re.escape(what) + ": not measured. Run halfstep-cli report")
        drawn = self.folder / "drawn.html"
        cli("report", self.model, "--weights", "int4", "--samples", "4", "--out", drawn)
        text = Page(drawn.read_text(encoding="utf-8")).text
        self.assertIn("No real data.", text)
        self.assertIn("drawn at random (seed 0)", text)

    def test_csv(self):
        with open(self.folder / "report.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
        for row, layer in zip(rows, self.json["layers"], strict=True):
            self.assertEqual(row["layer"], layer["name"])
            self.assertEqual(float(row["isolated_sqnr_db"]), layer["errors"]["isolated_sqnr_db"]["value"])
            self.assertEqual(float(row["accumulated_sqnr_db_low"]), layer["errors"]["accumulated_sqnr_db"]["low"])
            self.assertEqual([float(row["sensitivity_kl_int8"]), float(row["sensitivity_kl_int4"])],
                             layer["sensitivity"]["values"])
            self.assertGreater(float(row["latency_ms_fp32"]), 0)

    def test_hdf5(self):
        with h5py.File(self.folder / "report.h5", "r") as file:
            self.assertEqual(file.attrs["format"].decode(), "halfstep_results")
            self.assertEqual(file.attrs["model_sha256"].decode(), self.json["model"]["sha256"])
            self.assertEqual(json.loads(file["plan"][0])["default"]["weights"], "int4")
            groups = [file["layers"][key] for key in sorted(file["layers"])]
            for group, layer in zip(groups, self.json["layers"], strict=True):
                self.assertEqual(group.attrs["name"].decode(), layer["name"])
                self.assertEqual(group.attrs["scheme"].decode(), layer["scheme"])
                self.assertEqual(group.attrs["sqnr_db"], layer["sqnr_db"])
                self.assertEqual(group["zero_points"][:].tolist(), layer["zero_points"])
                np.testing.assert_allclose(group["scales"][:], layer["scales"], rtol=1e-7)
                np.testing.assert_array_equal(group["range_low"][:], np.float32(layer["ranges"]["lo"]))
                for figure, values in layer["channels"].items():
                    np.testing.assert_array_equal(group["channels"][figure][:], values)
                self.assertEqual(group["channels"]["mse"].attrs["units"].decode(), "weight squared")
                weight = self.weights[layer["weight"]]
                low, high = group.attrs["histogram_range"]
                self.assertEqual((np.float32(low), np.float32(high)), (weight.min(), weight.max()))
                counts = group["histogram"][:]
                theirs = np.histogram(weight, counts.size, (low, high))[0]
                self.assertEqual(counts.sum(), weight.size)
                self.assertLessEqual(np.abs(counts - theirs).sum(), 4)
                self.assertGreater(np.abs(np.roll(counts, 1) - theirs).sum(), 10)  # one bin off must not pass
            sweep = file["sensitivity"]
            self.assertEqual([name.decode() for name in sweep["schemes"][:]], ["int8", "int4"])
            self.assertEqual(sweep["per_sample"].shape, (3, 2, 12))
            wanted = [layer["sensitivity"]["values"] for layer in self.json["layers"]]
            np.testing.assert_array_equal(sweep["values"][:], wanted)
            # One row in each sample: the figure of all samples is the mean.
            np.testing.assert_allclose(sweep["per_sample"][:].mean(axis=2), wanted, rtol=1e-9)
            np.testing.assert_array_equal(
                np.stack([sweep["values_low"][:], sweep["values_high"][:]], axis=2),
                [layer["sensitivity"]["intervals"] for layer in self.json["layers"]])
            np.testing.assert_array_equal(file["layer_errors"]["isolated"][:],
                                          [l["errors"]["isolated_sqnr_db"]["value"] for l in self.json["layers"]])
            self.assertEqual(file["layer_errors"]["accumulated_per_sample"].shape, (3, 12))
            kl = self.json["measured"]["evaluation"]["kl"]
            np.testing.assert_array_equal(file["evaluation"].attrs["kl"], [kl["value"], kl["low"], kl["high"]])
            np.testing.assert_allclose(file["evaluation/per_sample/kl"][:].mean(), kl["value"], rtol=1e-9)
            self.assertEqual(file["latency"]["median"].shape, (3, 4))
            whole = {key for key in file["latency"].attrs if key.startswith("network_")}
            narrow = self.json["measured"]["latency"]["network_in"]
            self.assertEqual(whole, {"network_fp32_ms"} | {f"network_{name}_ms" for name in narrow})
            values = {group.attrs["name"].decode(): group for group in file["calibration/values"].values()}
            np.testing.assert_allclose(values["x"]["sample_max"][:], self.samples.max(axis=1))

    def test_thousand_layers(self):
        model = self.folder / "deep.onnx"
        make_model(model, [f"layer {index:04d}" for index in range(1000)], width=8)
        out = self.folder / "deep.html"
        cli("export", model, "--weights", "int4", "--to", "report-html", "--out", out)
        page = Page(out.read_text(encoding="utf-8"))
        self.assertEqual(page.problems, [])
        self.assertLess(out.stat().st_size, 4 << 20)
        self.assertEqual(len([1 for section, _ in page.rows if section == "layers"]), 1001)
        self.assertIn("The 50 layers with the lowest SQNR, of 1\u202f000", page.text)

    def test_layers_without_figures_do_not_stop_it(self):
        """A table looked up by position, and an LSTM whose first output nobody uses."""
        random = np.random.default_rng(3)
        weights = {"table": (7, 4), "w": (1, 12, 4), "r": (1, 12, 3)}
        nodes = [helper.make_node("Gather", ["table", "x"], ["e"], name="table"),
                 helper.make_node("LSTM", ["e", "w", "r"], ["", "y"], name="state", hidden_size=3)]
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.INT64, [5, 1])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 3])],
                                  [numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
                                   for name, shape in weights.items()])
        model = self.folder / "state.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=7), str(model))
        out = self.folder / "state.html"
        cli("report", model, "--weights", "int4", "--activations", "dynamic:int8", "--samples", "3", "--out", out)
        page = Page(out.read_text(encoding="utf-8"))
        self.assertEqual(page.problems, [])
        self.assertIn("its first output has no name", page.text)
        self.assertIn("its input picks rows", page.text)

    def test_wrong_use(self):
        done = cli("report", self.model, "--weights", "int4", "--out", self.folder / "report.pdf", status=2)
        self.assertIn(".html", done.stderr)
        done = cli("report", self.model, "--weights", "int4", "--schemes", "int8", "--out", self.folder / "r.html",
                   status=2)
        self.assertIn("--data", done.stderr)


if __name__ == "__main__":
    CLI = sys.argv.pop(1)
    unittest.main(verbosity=2)
