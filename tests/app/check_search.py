"""Plans of `halfstep-cli search`, judged by other commands: budgets against `quantize`, damages against
`evaluate`, single sensitivities against an exhaustive search in Python.

check_search.py PATH_OF_HALFSTEP_CLI SOURCE_FOLDER
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

CLI, SOURCE = sys.argv[1], sys.argv[2]
SAMPLES = os.path.join(SOURCE, "sample_models")
failures = []


def check(what, holds):
    print(("ok    " if holds else "WRONG ") + what)
    if not holds:
        failures.append(what)


def run(*arguments, status=0):
    done = subprocess.run([CLI, *arguments, "--json"], capture_output=True, text=True, check=False)
    if done.returncode != status:
        sys.exit(f"{' '.join(arguments)}: exit {done.returncode}, expected {status}\n{done.stderr}")
    return json.loads(done.stdout) if status == 0 else done.stderr


def size_of(model, plan):
    """Bytes of the layers' weights, by `quantize`."""
    return sum(layer["bytes"] for layer in run("quantize", model, "--plan", plan)["layers"])


def near(a, b, share=1e-6):
    return abs(a - b) <= share * max(abs(a), abs(b)) + 1e-12


def within_budget(folder, model, data):
    plan = os.path.join(folder, "plan.halfstep.json")
    found = run("search", model, "--data", data, "--samples", "24", "--budget", "size=16%", "--trials", "80",
                "--save-plan", plan)
    before = sum(layer["parameters"] for layer in run("inspect", model)["layers"]) * 4
    check("the plan is within the budget", size_of(model, plan) <= 0.16 * before)
    check("its size is the one that was told", size_of(model, plan) == found["predicted"]["size"])
    measured = run("evaluate", model, "--plan", plan, "--data", data, "--samples", "24")["output"]["kl"]["value"]
    check("its damage is the one that was told", near(measured, found["measured"]["damage"]["value"]))
    check("measuring did not make it worse", measured <= found["optimum"]["measured"]["damage"]["value"])
    smaller = [one for one in found["uniform"] if one["size"] >= 0.9 * found["predicted"]["size"] and
               one["size"] <= 1.1 * found["predicted"]["size"]]
    check("it beats every layer the same at its size",
          all(measured < one["measured"]["damage"]["value"] for one in smaller) and smaller)
    sizes = [point["size"] for point in found["pareto"]]
    damages = [point["damage"] for point in found["pareto"]]
    check("the frontier rises in size and falls in damage", sizes == sorted(sizes) and
          damages == sorted(damages, reverse=True) and len(sizes) > 10)
    again = run("search", model, "--data", data, "--samples", "24", "--budget", "size=16%", "--trials", "80")
    check("the same search finds the same plan", again["layers"] == found["layers"])
    other = run("search", model, "--data", data, "--samples", "24", "--budget", "size=13%", "--trials", "0")
    check("another budget finds another plan", other["layers"] != found["layers"] and other["measured"] is None)


def held_out(folder, model, data):
    """What is held out is not searched on, and is measured as `evaluate` measures it."""
    plan = os.path.join(folder, "held.halfstep.json")
    arguments = ["--data", data, "--budget", "size=16%", "--schemes", "int8,int4,int3:group64:mse", "--trials", "20"]
    found = run("search", model, *arguments, "--samples", "40", "--holdout", "24", "--save-plan", plan)
    parts = {}
    for name, part in (("front", slice(0, 16)), ("back", slice(16, 40))):
        parts[name] = os.path.join(folder, name)
        os.mkdir(parts[name])
        for file in os.listdir(data):
            np.save(os.path.join(parts[name], file), np.load(os.path.join(data, file))[part])
    without = run("search", model, "--data", parts["front"], *arguments[2:])
    check("the search sees the other samples only", found["samples"] == 16 and found["measured"] == without["measured"]
          and found["layers"] == without["layers"] and without["held_out"] is None)
    alone = run("evaluate", model, "--plan", plan, "--data", parts["back"])["output"]["kl"]["value"]
    held = found["held_out"]
    check("the held out figure is evaluate's", held["samples"] == 24 and near(held["measured"]["kl"]["value"], alone, 1e-4))
    check("uniform plans are held out too", all(one["held_out"]["kl"]["value"] >= 0 for one in found["uniform"]))
    check("something must be left to search on",
          "--holdout 40" in run("search", model, *arguments, "--samples", "40", "--holdout", "40", status=2))


def exhaustive(model, data):
    """Three layers and four schemes: all plans, with the damages that `sensitivity` tells."""
    schemes = ["int8", "int5:mse", "int4:mse", "int3:mse"]
    arguments = ["--data", data, "--samples", "16"]
    sweep = run("sensitivity", model, *arguments, "--schemes", ",".join(schemes))
    found = run("search", model, *arguments, "--schemes", ",".join(schemes), "--budget", "bits=4.2", "--no-float",
                "--trials", "0")
    sizes = {scheme: {layer["name"]: layer["bytes"] for layer in run("quantize", model, "--weights", scheme)["layers"]}
             for scheme in schemes}
    names = [layer["name"] for layer in sweep["layers"]]
    damage = {}
    for layer in sweep["layers"]:
        worst = 0.0
        for scheme, value in zip(schemes, layer["values"]): # fewer bits are never better than more
            worst = max(worst, value)
            damage[layer["name"], scheme] = worst
    parameters = sum(layer["parameters"] for layer in run("inspect", model)["layers"])
    best = min((sum(damage[pair] for pair in zip(names, plan)), plan)
               for plan in itertools.product(schemes, repeat=len(names))
               if sum(sizes[scheme][name] for name, scheme in zip(names, plan)) <= 4.2 * parameters / 8)
    check("the optimum is that of an exhaustive search", near(found["optimum"]["exact"], best[0]) and
          [layer["weights"] for layer in found["layers"]] == list(best[1]))
    check("and proven", found["optimum"]["gap"] == 0.0)


def constraints(folder, model, data):
    names = [layer["name"] for layer in run("inspect", model)["layers"]]
    arguments = ["--data", data, "--samples", "8", "--trials", "0", "--budget", "bits=5"]
    found = run("search", model, *arguments, "--pin", names[0] + "=int7", "--tie", ",".join(names[1:4]))
    plan = {layer["name"]: layer["weights"] for layer in found["layers"]}
    check("a pinned layer keeps its scheme", plan[names[0]] == "int7")
    check("tied layers have one scheme", len({plan[name] for name in names[1:4]}) == 1)
    size = run("search", model, "--data", data, "--samples", "8", "--budget", "damage=0.002")
    check("a damage is held as measured", size["measured"]["damage"]["value"] <= 0.002 and size["minimize"] == "size")
    bops = run("search", model, *arguments[:-1], "bops=14%")
    check("bit operations can be limited", bops["predicted"]["bops"] > 0)
    two = run("search", model, *arguments, "--budget", "bops=16%")
    check("two budgets hold together", two["predicted"]["bits_per_weight"] <= 5 + 1e-9)
    device = run("search", model, *arguments, "--device", "jetson-orin-nano-8gb", "--budget", "latency=100%")
    check("a device's latency is known", device["predicted"]["latency_ms"] > 0)
    journal = os.path.join(folder, "sweep.jsonl")
    first = run("search", model, *arguments, "--journal", journal)
    cut(journal)
    again = run("search", model, *arguments, "--journal", journal)
    check("a search goes on from its journal", again["layers"] == first["layers"] and
          again["optimum"]["exact"] == first["optimum"]["exact"])
    for wrong, word in (("size=1%", "least"), ("size=much", "expected"), ("weight=3", "expected")):
        check(f"{wrong} is refused", word in run("search", model, *arguments[:-1], wrong, status=2))
    check("a layer that is not there is named",
          "nowhere" in run("search", model, *arguments, "--tie", "nowhere," + names[0], status=2))


def cut(path):
    """As a program leaves it that was killed half-way through a line; how many lines are lost."""
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    half = len(lines) // 2
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines[:half] + [lines[half][:40]])
    return len(lines) - half


def resumed(folder, model, data):
    journal = os.path.join(folder, "search.jsonl")
    trials = os.path.join(folder, "search.trials.jsonl")
    arguments = ["search", model, "--data", data, "--samples", "12", "--budget", "size=16%", "--trials", "40",
                 "--journal", journal]
    whole = run(*arguments)
    check("the plans are kept beside the sweep", sum(1 for _ in open(trials, encoding="utf-8")) ==
          whole["plans_run"] + 1 and whole["plans_run"] > 20)

    def same(other):
        return {key: value for key, value in other.items() if key not in ("seconds", "plans_run")} == \
               {key: value for key, value in whole.items() if key not in ("seconds", "plans_run")}

    lost = cut(trials)
    again = run(*arguments)
    check("a killed search runs only what was lost", again["plans_run"] == lost)
    check("and says the same of everything", same(again))
    last = run(*arguments)
    check("a finished one runs nothing", last["plans_run"] == 0 and same(last))
    with open(trials, "a", encoding="utf-8") as file:
        file.write("\0" * 100 + "\n")
    check("a damaged last line is left out", same(run(*arguments)))
    lines = open(trials, encoding="utf-8").readlines()
    with open(trials, "w", encoding="utf-8") as file:
        file.writelines(lines[:3] + ["garbage\n"] + lines[4:])
    check("a damaged line elsewhere is named", "line 4" in run(*arguments, status=3))
    # Killed in earnest, while it runs plans.
    for path in (journal, trials):
        os.remove(path)
    process = subprocess.Popen([CLI, *arguments, "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if os.path.exists(trials) and sum(1 for _ in open(trials, "rb")) > 5:
            break
        time.sleep(0.002)
    process.kill()
    process.wait()
    after = run(*arguments)
    check("a search that was killed in earnest goes on", same(after) and after["plans_run"] < whole["plans_run"])


def differences(folder, model):
    first, second = (os.path.join(folder, name) for name in ("a.halfstep.json", "b.halfstep.json"))
    names = [layer["name"] for layer in run("inspect", model)["layers"]]
    run("quantize", model, "--weights", "int8", "--save-plan", first)
    run("quantize", model, "--weights", "int8", "--set", names[1] + "=int4:group64", "--save-plan", second)
    found = run("diff", first, second)["layers"]
    check("one layer differs", found == [{"name": names[1], "from": "int8", "to": "int4:group64"}])
    check("a plan does not differ from itself", run("diff", first, first)["layers"] == [])
    reports = [os.path.join(folder, name) for name in ("a.json", "b.json")]
    for plan, report in zip((first, second), reports):
        run("export", model, "--plan", plan, "--to", "report-json", "--out", report)
    found = run("diff", *reports)["layers"]
    check("reports differ in figures too", len(found) == 1 and found[0]["name"] == names[1] and
          found[0]["bytes"][0] > found[0]["bytes"][1] and found[0]["sqnr_db"][0] > found[0]["sqnr_db"][1])
    check("what is neither is refused", "neither" in run("diff", model, first, status=3))


def versions(folder, model, data):
    """A plan with versions as the window writes them, read by every command that takes a plan."""
    path = os.path.join(folder, "versions.halfstep.json")
    names = [layer["name"] for layer in run("inspect", model)["layers"]]
    run("quantize", model, "--weights", "int4:mse", "--set", names[0] + "=int8", "--save-plan", path)
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    check("a plan without versions has none", "versions" not in plan and run("diff", path)["versions"] == [])
    figure = {"metric": "kl", "value": 0.25, "low": 0.2, "high": 0.3}
    plan["versions"] = [
        {"name": "all int8", "default": {"weights": "int8"}},
        {"name": "int4 body 3", "date": "2026-11-21T22:50:00Z", "note": "before the head was touched",
         "default": {"weights": "int4:group64"}, "layers": {names[0]: {"weights": "int8"}}, "bytes": 4711,
         "measured": {"data": "drawn images", "synthetic": True, "samples": 16, "damage": figure, "figures": [figure]}}]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(plan, file)
    listed = run("diff", path)["versions"]
    check("versions are listed", [one["name"] for one in listed] == ["all int8", "int4 body 3"])
    check("with how they differ from the plan", [(one["differing_layers"], one["default_differs"]) for one in listed] ==
          [(0, True), (0, True)])
    check("with what they were kept with", listed[1]["bytes"] == 4711 and listed[1]["measured"]["samples"] == 16 and
          listed[1]["measured"]["synthetic"] and listed[0]["measured"] is None)
    text = subprocess.run([CLI, "diff", path], capture_output=True, text=True, check=True).stdout
    check("a figure is not shown without its origin", "0.250 (0.200 to 0.300) on 16 of drawn images, drawn at random"
          in text)
    # quantize takes a version as it takes a plan, and loses none of them on the way.
    again = os.path.join(folder, "again.halfstep.json")
    body = run("quantize", model, "--plan", path + "#int4 body 3", "--save-plan", again)
    schemes = [layer["scheme"] for layer in body["layers"]]
    check("a version is a plan", schemes == ["int8"] + ["int4:group64"] * (len(names) - 1))
    with open(again, encoding="utf-8") as file:
        check("versions outlive another save", [one["name"] for one in json.load(file)["versions"]] ==
              ["all int8", "int4 body 3"])
    run("search", model, "--data", data, "--samples", "4", "--schemes", "int8,int4", "--budget", "bits=6", "--trials",
        "0", "--save-plan", again)
    check("a search that writes over a plan keeps its versions",
          [one["name"] for one in run("diff", again)["versions"]] == ["all int8", "int4 body 3"])
    check("a version that is not there is named with those that are",
          "all int8, int4 body 3" in run("quantize", model, "--plan", path + "#int4", status=2))
    # The difference of two versions: layers, what they cost and save.
    int8 = {layer["name"]: layer["bytes"] for layer in run("quantize", model, "--plan", path + "#all int8")["layers"]}
    int4 = {layer["name"]: layer["bytes"] for layer in body["layers"]}
    journal = os.path.join(folder, "versions.jsonl")
    sweep = run("sensitivity", model, "--data", data, "--samples", "8", "--schemes", "int8,int4:group64", "--journal",
                journal)
    found = run("diff", path + "#all int8", path + "#int4 body 3", "--model", model, "--journal", journal)
    rows = {layer["name"]: layer for layer in found["layers"] if layer["name"] != "*"}
    check("every layer but the first differs", sorted(rows) == sorted(names[1:]))
    check("sizes are those of quantize", all(row["bytes"] == [int8[name], int4[name]] for name, row in rows.items()))
    check("and so are the totals", found["total"]["bytes"] == [sum(int8.values()), sum(int4.values())])
    values = {layer["name"]: layer["values"] for layer in sweep["layers"]}
    check("damages are those of the sweep", all(near(row["damage"][0], values[name][0]) and
          near(row["damage"][1], max(values[name])) for name, row in rows.items()))
    check("what a version was kept with is told", found["b_measured"]["damage"]["value"] == 0.25 and
          "a_measured" not in found)
    check("a sweep without a model is refused", "--model" in run("diff", path, path, "--journal", journal, status=2))
    check("a version does not differ from itself", run("diff", path + "#all int8", path + "#all int8")["layers"] == [])
    evaluated = run("evaluate", model, "--plan", path + "#all int8", "--data", data, "--samples", "4")
    check("evaluate takes a version", evaluated["output"]["kl"]["value"] >= 0)


def activations(model, data):
    arguments = ["--data", data, "--samples", "16"]
    sweep = run("sensitivity", model, *arguments, "--schemes", "int8,int8/uint8:tensor,int8/uint2:tensor")
    check("candidates have inputs", sweep["schemes"] == ["int8", "int8/uint8:tensor", "int8/uint2:tensor"])
    whole = [sum(layer["values"][i] for layer in sweep["layers"]) for i in range(3)]
    check("coarser inputs damage more", whole[0] < whole[1] < whole[2])
    found = run("search", model, *arguments, "--schemes", "int8,int8/uint8:tensor,int4:mse/uint8:tensor,int4:mse",
                "--budget", "bops=5%", "--no-float", "--trials", "40")
    inputs = {layer["activations"] for layer in found["layers"]}
    check("bit operations are saved by quantizing inputs", "uint8:tensor" in inputs and
          found["measured"]["damage"]["value"] > 0)
    check("the Fisher estimate does not claim them", "weights alone" in run(
        "sensitivity", model, *arguments, "--schemes", "int8/uint8:tensor", "--estimate", "fisher", status=2))


def main():
    cnn = os.path.join(SAMPLES, "digits_cnn.onnx")
    mlp = os.path.join(SAMPLES, "digits_mlp.onnx")
    with tempfile.TemporaryDirectory(prefix="halfstep-search-") as folder:
        within_budget(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        held_out(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        exhaustive(mlp, os.path.join(SAMPLES, "data", "digits_mlp"))
        resumed(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        differences(folder, cnn)
        versions(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        activations(cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        constraints(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
    sys.exit(1 if failures else 0)


main()
