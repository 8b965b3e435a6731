"""Where does a sample model live? Writes and reads the model, its data and the manifest.

    <name>.onnx                       the model
    data/<name>/<input>.npy           held-out samples, exactly as the graph's input takes them
    data/<name>/labels.npy            int64, the right class of each
    expected/<name>/<output>.npy      float32, what torch computed for them
    manifest.json                     one entry per model
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx

from .onnx_graph import parameter_count
from .sample import HeldOut

FOLDER = Path(__file__).resolve().parent.parent
MANIFEST = FOLDER / "manifest.json"
LICENCE = "GPL-3.0-or-later"


def data_folder(name):
    return f"data/{name}"


def expected_folder(name):
    return f"expected/{name}"


def write_arrays(folder, arrays):
    """Makes `folder` hold exactly these arrays as .npy files."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.npy"):
        old.unlink()
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values, allow_pickle=False)


def read_array(path):
    return np.load(path, allow_pickle=False)


def read_held_out(name):
    arrays = {path.stem: read_array(path) for path in sorted((FOLDER / data_folder(name)).glob("*.npy"))}
    labels = arrays.pop("labels")
    return HeldOut(arrays, labels)


def read_manifest():
    return json.loads(MANIFEST.read_text(encoding="utf-8")) if MANIFEST.exists() else {"models": []}


def write_manifest(entries):
    """Writes the manifest with these entries, in this order."""
    document = {"manifest": 1, "licence": LICENCE, "models": entries}
    MANIFEST.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def metadata(recipe, accuracy):
    """The model's metadata_props."""
    properties = {
        "title": recipe.title,
        "licence": LICENCE,
        "task": recipe.task,
        "preprocessing": recipe.preprocessing,
        "classes": " ".join(recipe.classes),
        "float_accuracy": f"{accuracy:.4f}",
        "test_samples": str(recipe.test_samples),
        "seed": str(recipe.seed),
    }
    if recipe.vocabulary:
        properties["vocabulary"] = " ".join(recipe.vocabulary)
    return properties


def write_model(recipe, model):
    """Writes the ONNX file and returns its path."""
    path = FOLDER / f"{recipe.name}.onnx"
    onnx.save(model, str(path))
    return path


def manifest_entry(recipe, held_out, accuracies):
    """The manifest's entry for a model that is already written.

    `accuracies`: (of the checked-in samples, of the larger set, size of the larger set).
    """
    path = FOLDER / f"{recipe.name}.onnx"
    content = path.read_bytes()
    model = onnx.load_from_string(content)
    shapes = {value.name: [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
              for value in [*model.graph.input, *model.graph.output]}
    entry = {
        "name": recipe.name,
        "file": path.name,
        "title": recipe.title,
        "description": recipe.description,
        "task": recipe.task,
        "parameters": parameter_count(model),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "inputs": [{"name": name, "dtype": str(values.dtype), "shape": shapes[name],
                    "file": f"{data_folder(recipe.name)}/{name}.npy", "preprocessing": recipe.preprocessing}
                   for name, values in held_out.inputs.items()],
        "outputs": [{"name": value.name, "dtype": "float32", "shape": shapes[value.name],
                     "expected": f"{expected_folder(recipe.name)}/{value.name}.npy"} for value in model.graph.output],
        "data": data_folder(recipe.name),
        "labels": f"{data_folder(recipe.name)}/labels.npy",
        "classes": recipe.classes,
        "test_samples": len(held_out.labels),
        "float_accuracy": round(accuracies[0], 6),
        "larger_test": {"samples": accuracies[2], "float_accuracy": round(accuracies[1], 6)},
        "seed": recipe.seed,
    }
    if recipe.vocabulary:
        entry["vocabulary"] = list(recipe.vocabulary)
    return entry
