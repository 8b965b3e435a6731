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
        exhaustive(mlp, os.path.join(SAMPLES, "data", "digits_mlp"))
        resumed(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        differences(folder, cnn)
        activations(cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
        constraints(folder, cnn, os.path.join(SAMPLES, "data", "digits_cnn"))
    sys.exit(1 if failures else 0)


main()
