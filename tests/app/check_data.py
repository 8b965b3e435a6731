"""What `halfstep-cli data --dump` writes, computed a second time with NumPy.

Pictures: Pillow's bilinear resizing written out from its description, torchvision's sizes and crops. Text: the
merging of llama2.c's run.c as it stands there, slow and plain. Arrays: read with NumPy.

check_data.py PATH_OF_HALFSTEP_CLI
"""

import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

CLI = sys.argv[1]
TEMPORARY = tempfile.TemporaryDirectory(prefix="halfstep-data-")
FOLDER = Path(TEMPORARY.name)
failures = []


def check(what, holds):
    print(("ok    " if holds else "WRONG ") + what)
    if not holds:
        failures.append(what)


def model(name, shape, kind=TensorProto.FLOAT):
    x = helper.make_tensor_value_info("x", kind, shape)
    y = helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    path = FOLDER / name
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return path


def dumped(model_path, *options):
    out = FOLDER / "out"
    done = subprocess.run(
        [CLI, "data", str(model_path), *map(str, options), "--dump", str(out), "--json"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return np.load(out / "x.npy"), json.loads(done.stdout)


def write_png(path, pixels):
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
                     + chunk(b"IEND", b""))


def weights(inputs, outputs):
    """One row of Pillow's fixed-point weights for every output pixel."""
    table = np.zeros((outputs, inputs), np.int64)
    scale = inputs / outputs
    support = max(scale, 1.0)
    for i in range(outputs):
        center = (i + 0.5) * scale
        first = max(int(center - support + 0.5), 0)
        end = min(int(center + support + 0.5), inputs)
        w = np.array([max(0.0, 1 - abs((x - center + 0.5) / support)) for x in range(first, end)])
        table[i, first:end] = np.floor(w / w.sum() * (1 << 22) + 0.5)
    return table


def resized(pixels, height, width):
    half = 1 << 21
    if width != pixels.shape[1]:
        pixels = np.einsum("ox,yxc->yoc", weights(pixels.shape[1], width), pixels.astype(np.int64)) + half >> 22
        pixels = np.clip(pixels, 0, 255)
    if height != pixels.shape[0]:
        pixels = np.einsum("oy,yxc->oxc", weights(pixels.shape[0], height), pixels.astype(np.int64)) + half >> 22
        pixels = np.clip(pixels, 0, 255)
    return pixels.astype(np.uint8)


def cropped(pixels, side):
    top = int(round((pixels.shape[0] - side) / 2.0))
    left = int(round((pixels.shape[1] - side) / 2.0))
    return pixels[top:top + side, left:left + side]


def pictures():
    random = np.random.default_rng(7)
    pixels = random.integers(0, 256, (97, 131, 3)).astype(np.uint8)
    write_png(FOLDER / "p.png", pixels)
    mean = np.array([0.485, 0.456, 0.406])
    std = np.array([0.229, 0.224, 0.225])
    got, _ = dumped(model("image.onnx", [1, 3, 24, 24]), "--data", FOLDER / "p.png", "--resize", "31", "--mean",
                    "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")
    small = cropped(resized(pixels, 31, int(31 * 131 / 97)), 24)
    want = ((small / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
    check("a picture made smaller, cropped and normalised", np.abs(got - want).max() < 1e-6)
    wrong = ((small / 255 - mean) / std).transpose(2, 1, 0)[None].astype(np.float32)
    check("the same with height and width exchanged is told apart", np.abs(got - wrong).max() > 0.1)
    got, _ = dumped(model("image.onnx", [1, 200, 150, 3]), "--data", FOLDER / "p.png", "--resize", "200x150",
                    "--scale", "1", "--channels", "bgr")
    check("a picture made larger", np.array_equal(got[0], resized(pixels, 200, 150)[:, :, ::-1]))
    got, _ = dumped(model("image.onnx", [1, 1, 97, 131]), "--data", FOLDER / "p.png", "--scale", "1")
    p = pixels.astype(np.int64)
    grey = (19595 * p[..., 0] + 38470 * p[..., 1] + 7471 * p[..., 2] + 0x8000) >> 16
    check("grey", np.array_equal(got[0, 0], grey))
    np.savez_compressed(FOLDER / "p.npz", x=pixels[None], y=np.array([3]))
    got, told = dumped(model("image.onnx", ["n", 3, 97, 131]), "--data", FOLDER / "p.npz", "--scale", "1/255")
    check("numpy's own npz", np.array_equal(got[0], (pixels / 255).astype(np.float32).transpose(2, 0, 1)))
    check("its label", told["classes"] == [{"class": 3, "count": 1}])


def encode(text, vocabulary, scores):
    """llama2.c, run.c: encode(), without the mark of the beginning."""
    number = {}
    for i, token in enumerate(vocabulary):
        number.setdefault(token, i)
    tokens = [number[b" "]]
    for character in text:
        data = character.encode()
        tokens += [number[data]] if data in number else [byte + 3 for byte in data]
    while True:
        best = None
        for i in range(len(tokens) - 1):
            merged = number.get(vocabulary[tokens[i]] + vocabulary[tokens[i + 1]])
            if merged is not None and (best is None or scores[merged] > best[0]):
                best = (scores[merged], merged, i)
        if best is None:
            return tokens
        tokens[best[2]:best[2] + 2] = [best[1]]


def read_tokenizer(path):
    data = path.read_bytes()
    at, vocabulary, scores = 4, [], []
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        vocabulary.append(data[at + 8:at + 8 + length])
        scores.append(score)
        at += 8 + length
    return vocabulary, scores


def shared_models():
    named = os.environ.get("HALFSTEP_MODELS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2].parent / "shared" / "models"
    return folder if folder.is_dir() else None


def text(shared):
    tokenizer = shared / "stories260k" / "tok512.bin"
    vocabulary, scores = read_tokenizer(tokenizer)
    written = "Once upon a time, there was a little girl named Lily.\nShe saw a \u00fcbergro\u00dfe dog!\n\nThe  end"
    (FOLDER / "t.txt").write_text(written, encoding="utf-8")
    want = encode(written, vocabulary, scores)
    length = len(want)
    got, told = dumped(model("tokens.onnx", [1, length + 1], TensorProto.INT64), "--data", FOLDER / "t.txt",
                       "--tokenizer", tokenizer)
    check(f"{length} tokens of a text", got.tolist() == [[1] + want])
    check("their targets", told["first"][0]["targets"] == want + [-1])


def digits(shared):
    raw = gzip.decompress((shared / "data" / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    want = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
    got, told = dumped(model("image.onnx", [1, 1, 28, 28]), "--data", shared / "data" / "mnist")
    check("MNIST", told["samples"] == len(want) and np.array_equal(got[0, 0], (want[0] / 255).astype(np.float32)))
    labels = np.frombuffer(gzip.decompress((shared / "data" / "mnist" / "t10k-labels-idx1-ubyte.gz").read_bytes()),
                           np.uint8, offset=8)
    check("MNIST's labels", [c["count"] for c in told["classes"]] == np.bincount(labels).tolist())


pictures()
models = shared_models()
if models is None:
    print("no shared models: text and MNIST are left out")
else:
    text(models)
    digits(models)
sys.exit(1 if failures else 0)
