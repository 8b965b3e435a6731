"""Codes, scales, zero points and error sums, computed independently with NumPy and compared bit for bit.

oracle_quantize.py PROGRAM: PROGRAM is oracle_dump (see its first lines). Exit status 0 when everything agrees.
Formulas: ONNX QuantizeLinear/DequantizeLinear; docs/numbers.md for scales and zero points. PyTorch is a second
oracle where it is installed and its definitions coincide.
"""
import itertools
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from oracle_reference import F, Scheme, clipping_range, grid, pooled_kl, quantize, segments, squared_error


# ---- data -------------------------------------------------------------------------------------------------------

def cases():
    random = np.random.default_rng(5)
    normal = (random.standard_normal((5, 70)) * 0.3).astype(F)
    ties = (np.arange(-175, 175) / 2.0 * 0.5).astype(F).reshape(5, 70)
    odd = normal.copy()
    odd[0, :] = 0.0
    odd[1, :] = 0.25
    odd[2, :] = -3.0
    odd[3, 5:] = 0.0
    odd[4, 3] = 40.0
    positive = np.abs(normal) + F(0.5)
    wild = normal.copy()
    wild[0, ::7] = np.nan
    wild[1, ::9] = np.inf
    wild[2, ::5] = -np.inf
    wild[3, :] = np.nan
    # Magnitudes whose extremes come in both signs, for the absmax rule.
    both = normal.copy()
    both[0, 2], both[0, 60] = 2.0, -2.0
    both[1, 2], both[1, 60] = -2.0, 2.0
    return {
        "normal": normal, "ties": ties, "odd": odd, "positive": positive, "negative": -positive, "wild": wild,
        "both": both,
        "denormal": (normal * F(1e-39)).astype(F), "tiny": (normal * F(1e-30)).astype(F),
        "huge": (normal * F(2e38)).astype(F), "single": np.array([[0.7]], F), "singles": normal[:, :1].copy(),
        "integers": random.integers(-300, 300, (3, 33)).astype(F),
    }


def schemes():
    bits = (2, 3, 4, 5, 6, 7, 8, 16)
    formats = ["%s%d" % (sign, b) for sign in ("int", "uint") for b in bits]
    grids = ["sym:restricted", "sym:full", "sym:halfstep", "sym:absmax", "asym:restricted", "asym:full",
             "asym:halfstep", "pow2:restricted", "pow2:full", "pow2:halfstep"]
    granularities = ["tensor", "channel", "group16", "group48"]
    every = [":".join(parts) for parts in itertools.product(formats, grids, granularities)]
    some = ["%s:%s:%s" % parts for parts in itertools.product(
        ("int8", "uint4:asym", "int16", "uint8:sym:full", "int4:absmax"), ("tensor", "channel", "group16"),
        ("away", "zero", "up", "stochastic"))]
    ranges = ["%s:%s:%s" % parts for parts in itertools.product(
        ("int8", "int4", "uint4", "int8:asym:restricted", "int4:absmax", "uint8:pow2"), ("tensor", "channel", "group16"),
        ("pct99", "pct90", "mse", "kl", "aciq", "fixed(-0.5,0.25)"))]
    floats = ["%s:%s" % parts for parts in itertools.product(
        ("fp16", "bf16", "fp8e4m3", "fp8e5m2", "fp8e4m3:pow2"), ("tensor", "channel", "group16"))] + ["fp32"]
    return every + some + ranges + floats


# ---- comparison -------------------------------------------------------------------------------------------------

class Reader:
    def __init__(self, path):
        self.data, self.at = pathlib.Path(path).read_bytes(), 0

    def take(self, dtype, count):
        out = np.frombuffer(self.data, dtype, count, self.at)
        self.at += out.nbytes
        return out

    def result(self, s, count):
        n = int(self.take("<i8", 1)[0])
        return {"scales": self.take("<f4", n), "zero_points": self.take("<i4", n), "ranges": self.take("<f4", 2 * n).reshape(-1, 2),
                "codes": self.take("<i4", 0 if s.format == "fp32" else count), "decoded": self.take("<f4", count),
                "counts": self.take("<i8", 3), "sums": self.take("<f8", 7), "bytes": int(self.take("<i8", 1)[0])}


def same_bits(a, b):
    nan = np.isnan(a) & np.isnan(b)
    return a.shape == b.shape and bool(np.all((a.view(np.uint32) == b.view(np.uint32)) | nan | ((a == 0) & (b == 0))))


def check(values, s, got):
    """None where `got` agrees with the oracle, otherwise what does not."""
    table, mask = segments(values, s.granularity)
    index = np.repeat(np.arange(len(table)), mask.sum(1))
    if s.format != "fp32":
        if len(got["scales"]) != len(table):
            return "number of scales"
        ratio = pooled_kl(table, s) if s.range == "kl" else None
        for i, row in enumerate(table):
            ends, least = clipping_range(row[mask[i]], s, ratio)
            scale, zero_point = grid(s, *ends) if s.integer or s.format.startswith("fp8") else (F(1), 0)
            if s.range == "mse" and got["scales"][i] != scale:
                # Another percent is right as well where its error is as small as float32 sums can tell.
                x = row[np.isfinite(row)]
                if squared_error(x, s, got["scales"][i], got["zero_points"][i]) > least * (1 + 2e-6) + 1e-13 * float(np.sum(x.astype(np.float64) ** 2)):
                    return "mse range of segment %d: scale %r, not %r" % (i, got["scales"][i], scale)
            elif s.range == "aciq":
                if abs(float(got["scales"][i]) - float(scale)) > 2e-6 * abs(float(scale)):
                    return "aciq range of segment %d: scale %r, not %r" % (i, got["scales"][i], scale)
            elif got["scales"][i] != scale:
                return "scale %d: %r, not %r" % (i, got["scales"][i], scale)
            elif got["zero_points"][i] != zero_point:
                return "zero point %d: %r, not %r" % (i, got["zero_points"][i], zero_point)
    codes, decoded, clipped = quantize(values, s, got["scales"], got["zero_points"], index)
    if not np.array_equal(codes, got["codes"]) and not (s.format in ("fp16",) and np.array_equal(
            np.where(np.isnan(values.reshape(-1)), 0, codes), np.where(np.isnan(values.reshape(-1)), 0, got["codes"]))):
        return "codes: %d differ" % int(np.sum(codes != got["codes"]))
    if not same_bits(decoded, got["decoded"]):
        return "decoded values"
    return check_sums(values.reshape(-1), decoded, clipped, got) or check_bytes(values, s, got, len(table))


def check_sums(x, decoded, clipped, got):
    with np.errstate(all="ignore"):
        finite = np.isfinite(x)
        error = (decoded - x).astype(F)[finite].astype(np.float64)
        x, y = x[finite].astype(np.float64), decoded[finite].astype(np.float64)
        expected = [np.sum(x * x), np.sum(y * y), np.sum(x * y), np.sum(error), np.sum(error ** 2), np.sum(error[clipped[finite]] ** 2),
                    np.max(np.abs(error), initial=0)]
        scale = [expected[0], expected[1], expected[0] + expected[1], np.sum(np.abs(error)), expected[4], expected[5], 0]
    if list(got["counts"]) != [len(x), len(finite) - len(x), int(clipped.sum())]:
        return "counts %s, not %s" % (list(got["counts"]), [len(x), len(finite) - len(x), int(clipped.sum())])
    for name, a, b, by in zip(("Σx²", "Σx̂²", "Σxx̂", "Σe", "Σe²", "Σe² clipped", "max"), got["sums"], expected, scale):
        if not (a == b or (np.isnan(a) and np.isnan(b)) or (np.isinf(b) and not np.isfinite(a)) or abs(a - b) <= 1e-6 * by):
            return "%s: %r, not %r" % (name, a, b)
    return None


def check_bytes(values, s, got, scales):
    up = lambda bits: (bits + 7) // 8
    expected = up(values.size * s.bits)
    if s.integer or s.format.startswith("fp8"):
        expected += 4 * scales
    if s.mapping == "asym" and s.integer:
        expected += up(scales * s.bits)
    return None if got["bytes"] == expected else "bytes %d, not %d" % (got["bytes"], expected)


def rejects_wrong_answers(values, s, got):
    """Deliberate mistakes, each of which must be noticed."""
    table, _ = segments(values, s.granularity)
    wrong = {
        "zero point off by one": dict(got, zero_points=got["zero_points"] + 1),
        "scale one step off": dict(got, scales=np.nextafter(got["scales"], F(9))),
        "one code off by one": dict(got, codes=got["codes"] + (np.arange(len(got["codes"])) == 17)),
        "clipped count off by one": dict(got, counts=got["counts"] + np.array([0, 0, 1])),
        "squared error 0.01 % off": dict(got, sums=got["sums"] * np.array([1, 1, 1, 1, 1.0001, 1, 1])),
    }
    for what, result in wrong.items():
        if check(values, s, result) is None:
            return what
    if check(np.ascontiguousarray(values.T).reshape(values.shape), s, got) is None:
        return "axis transposed"
    return None


def check_with_torch(values, s, got):
    """torch multiplies by the reciprocal: its codes may differ by one where the quotient lies near a tie."""
    import torch
    if s.granularity != "channel" or s.rounding != "even" or s.codes == "absmax" or not np.all(np.isfinite(values)):
        return None
    x = torch.from_numpy(values.copy())
    if s.format in ("fp16", "bf16"):
        cast = x.to(torch.float16 if s.format == "fp16" else torch.bfloat16).to(torch.float32).numpy().reshape(-1)
        return None if same_bits(cast, got["decoded"]) else "torch casts differently"
    if s.bits != 8 or not s.integer:
        return None
    # torch's own code limits, so only where nothing is cut short by `restricted`.
    low, high = (0, 255) if s.unsigned else (-128, 127)
    if (s.low, s.high) != (low, high) or np.abs(got["scales"]).min() < 1e-20 or np.abs(values).max() > 1e20:
        return None
    fake = torch.fake_quantize_per_channel_affine(x, torch.from_numpy(got["scales"].copy()), torch.from_numpy(got["zero_points"].copy()), 0, low, high)
    scale = np.repeat(got["scales"], values.shape[1])
    quotient = values.reshape(-1) / scale
    differ = np.abs(fake.numpy().reshape(-1) - got["decoded"]) > np.abs(scale) * 0.5
    near_tie = np.abs(np.abs(quotient - np.trunc(quotient)) - 0.5) < 1e-4
    return None if not np.any(differ & ~near_tie) else "torch.fake_quantize_per_channel_affine differs"


def main():
    try:
        import torch  # noqa: F401
        second = check_with_torch
    except ImportError:
        print("PyTorch is not installed: NumPy alone")
        second = lambda *_: None
    data, texts = cases(), schemes()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.joinpath("schemes.txt").write_text("\n".join(texts) + "\n")
        folder.joinpath("cases.txt").write_text("".join("%s %d\n" % (n, len(v)) for n, v in data.items()))
        for case, values in data.items():
            folder.joinpath(case + ".f32").write_bytes(values.astype("<f4").tobytes())
        subprocess.run([sys.argv[1], name], check=True)
        failures, compared, tested = [], 0, 0
        for case, values in data.items():
            reader = Reader(folder / (case + ".out"))
            for text in texts:
                s = Scheme(text)
                got = reader.result(s, values.size)
                compared += 1
                failure = check(values, s, got) or second(values, s, got)
                if failure:
                    failures.append("%s %s: %s" % (case, text, failure))
                elif case == "normal" and s.integer and s.rounding == "even" and s.range == "minmax" and s.bits in (4, 8):
                    missed = rejects_wrong_answers(values, s, got)
                    tested += 1
                    if missed:
                        failures.append("%s %s: a wrong answer was not noticed: %s" % (case, text, missed))
    for failure in failures[:40]:
        print(failure)
    print("%d results compared, wrong answers tried on %d of them, %d failures" % (compared, tested, len(failures)))
    return 1 if failures or tested == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
