"""The quantizer's formulas once more, in NumPy float32: what oracle_quantize.py holds the program against.

Written from docs/numbers.md and the sources it names, without looking for speed. Seed of stochastic rounding: 7.
"""
import math
import re

import numpy as np

F = np.float32
SEED = 7
TINY = np.finfo(F).tiny


# ---- schemes ----------------------------------------------------------------------------------------------------

class Scheme:
    def __init__(self, text):
        tokens = text.split(":")
        self.text, self.format = text, tokens[0]
        has = lambda *names: next((t for t in tokens[1:] if t in names), None)
        self.integer = self.format.startswith(("int", "uint"))
        self.unsigned = self.format.startswith("uint")
        self.bits = int(re.sub(r"\D", "", self.format)) if self.integer else {"fp8": 8, "fp1": 16, "bf1": 16, "fp3": 32}[self.format[:3]]
        self.mapping = has("sym", "asym", "pow2") or ("asym" if self.unsigned else "sym")
        self.codes = has("restricted", "full", "halfstep", "absmax") or ("full" if self.mapping == "asym" else "restricted")
        self.rounding = has("even", "away", "zero", "up", "stochastic") or "even"
        self.granularity = next((t for t in tokens[1:] if t in ("tensor", "channel") or t.startswith("group")), "channel")
        self.range = next((t for t in tokens[1:] if t.startswith(("pct", "mse", "kl", "aciq", "fixed"))), "minmax")
        half = 1 << (self.bits - 1)
        low, high = -half, half - 1
        if self.codes == "restricted":
            low = -(half - 1)
        self.middle = half if self.unsigned and self.integer else 0
        self.low, self.high = low + self.middle, high + self.middle
        self.divisor = F({"restricted": half - 1, "full": half, "absmax": half, "halfstep": half - 0.5}[self.codes])
        if self.format == "fp8e4m3":
            self.divisor = F(448)
        if self.format == "fp8e5m2":
            self.divisor = F(57344)


def segments(values, granularity):
    """[segments, longest] with NaN filling, the mask of real places, and how to put rows back."""
    channels, length = values.shape
    if granularity == "tensor":
        rows = [values.reshape(-1)]
    elif granularity == "channel":
        rows = list(values)
    else:
        size = int(granularity[5:])
        rows = [row[i:i + size] for row in values for i in range(0, length, size)]
    width = max(len(r) for r in rows)
    table = np.full((len(rows), width), np.nan, F)
    mask = np.zeros((len(rows), width), bool)
    for i, row in enumerate(rows):
        table[i, :len(row)] = row
        mask[i, :len(row)] = True
    return table, mask


# ---- ranges -----------------------------------------------------------------------------------------------------

def order_statistic(sorted_keys, percent):
    n = len(sorted_keys)
    rank = min(max(math.ceil(percent / 100 * n * (1 - 1e-12)), 1), n)
    return sorted_keys[rank - 1]


def kl_ratio(counts, levels):
    """The definition, word for word: no prefix sums."""
    h = counts.astype(float).copy()
    h[0] = h[1]
    best, kept = math.inf, len(h)
    for i in range(128, len(h) + 1):
        p = h[:i].copy()
        p[-1] += h[i:].sum()
        group = np.arange(i) * levels // i
        mass = np.bincount(group, h[:i], levels)
        filled = np.bincount(group, h[:i] > 0, levels)
        q = np.where(h[:i] > 0, (mass / np.maximum(filled, 1))[group], 0)
        if p.sum() == 0 or q.sum() == 0 or np.any((q == 0) & (p > 0)):
            continue
        p, q = p / p.sum(), q / q.sum()
        used = p > 0
        divergence = float(np.sum(p[used] * np.log(p[used] / q[used])))
        if divergence <= best * (1 + 1e-12):
            best, kept = min(best, divergence), i
    return F(kept / len(h))


def bisect(function, low, high):
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def aciq_alpha(x, bits):
    steps = 3 * 4.0 ** bits
    mean = float(np.mean(x, dtype=np.float64))
    b = float(np.mean(np.abs(x.astype(np.float64) - F(mean))))
    sigma = float(np.std(x, dtype=np.float64))
    laplace = bisect(lambda t: math.exp(-t) - t / steps, 0, 64)
    gauss = bisect(lambda t: 2 * math.sqrt(2 / math.pi) * math.exp(-t * t / 2) - 2 * t * math.erfc(t / math.sqrt(2)) - 2 * t / steps, 0, 32)
    return mean, laplace * b if b <= 0.76017345053314 * sigma else gauss * sigma


def pooled_kl(table, s):
    pool = np.zeros(2048, np.int64)
    lo = hi = 0
    for row in table:
        x = row[np.isfinite(row)]
        magnitude = np.abs(x).max() if len(x) else F(0)
        if magnitude > 0:
            per_unit = F(min(2048.0 / float(magnitude), float(np.finfo(F).max)))
            pool += np.bincount(np.clip(np.abs(x) * per_unit, 0, F(2047)).astype(int), minlength=2048)
            lo, hi = min(lo, x.min()), max(hi, x.max())
    one_sided = s.mapping == "asym" and (lo < 0) != (hi > 0)
    return kl_ratio(pool, 2 ** (s.bits if one_sided else s.bits - 1))


def grid(s, lo, hi, negative):
    """Scale and zero point of one range."""
    with np.errstate(all="ignore"):
        if s.mapping == "asym":
            lo, hi = min(F(lo), F(0)), max(F(hi), F(0))
            n = F(s.high - s.low)
            scale = F(F(hi - lo) / n)
            if np.isinf(scale):
                scale = F(F(hi / n) - F(lo / n))
            if not (np.isfinite(scale) and scale >= TINY):
                return F(1), s.middle
            exact = F(F(s.low) - F(lo / scale))
            nearest = np.copysign(np.floor(np.abs(exact.astype(np.float64)) + 0.5), exact) if s.rounding == "away" else np.rint(exact)
            return scale, int(np.clip(nearest, s.low, s.high))
        scale = F(max(abs(F(lo)), abs(F(hi))) / s.divisor)
        if not (np.isfinite(scale) and scale >= TINY):
            return F(1), s.middle
        if s.mapping == "pow2":
            fraction, exponent = math.frexp(float(scale))
            scale = F(2.0 ** (exponent - 1 if fraction == 0.5 else exponent))
            if not np.isfinite(scale):
                return F(1), s.middle
        return (scale if negative or s.codes != "absmax" else -scale), s.middle


def squared_error(x, s, scale, zero_point):
    with np.errstate(all="ignore"):
        code = np.clip(np.rint(x / scale), s.low - zero_point, s.high - zero_point).astype(F)
        return float(np.sum((scale * code - x).astype(np.float64) ** 2))


def clipping_range(row, s, ratio):
    """(lo, hi, negative extreme), and for `mse` the smallest error of the grid."""
    x = row[np.isfinite(row)]
    if s.range.startswith("fixed"):
        lo, hi = map(float, s.range[6:-1].split(","))
        return (F(lo), F(hi), abs(lo) >= abs(hi)), None
    if len(x) == 0:
        return (F(0), F(0), True), None
    lo, hi = x.min(), x.max()
    negative = -lo >= hi
    if -lo == hi and s.codes == "absmax":
        negative = x[np.abs(x) == hi][0] < 0
    if s.range.startswith("pct"):
        p = float(s.range[3:])
        if s.mapping == "asym":
            return (-order_statistic(np.sort(-x), 50 + p / 2), order_statistic(np.sort(x), 50 + p / 2), negative), None
        lo, hi = -order_statistic(np.sort(np.abs(x)), p), order_statistic(np.sort(np.abs(x)), p)
    elif s.range == "kl":
        lo, hi = F(min(lo, F(0)) * ratio), F(max(hi, F(0)) * ratio)
        if s.mapping != "asym":
            magnitude = F(np.abs(x).max() * ratio)
            lo, hi = -magnitude, magnitude
    elif s.range == "aciq":
        mean, alpha = aciq_alpha(x, s.bits)
        lo, hi = F(max(float(lo), mean - alpha)), F(min(float(hi), mean + alpha))
    elif s.range == "mse":
        if s.mapping != "asym":
            hi = np.abs(x).max()
            lo = -hi
        lo, hi = min(lo, F(0)), max(hi, F(0))
        tried = []
        for k in range(100, 19, -1):
            factor = F(F(k) / F(100))
            ends = F(lo * factor), F(hi * factor)
            tried.append((squared_error(x, s, *grid(s, *ends, negative)), ends))
        best = min(error for error, _ in tried)
        ends = next(e for error, e in tried if error == best)
        return (*ends, negative), best
    return (lo, hi, negative), None


# ---- codes ------------------------------------------------------------------------------------------------------

def mixed(h):
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def thresholds(count):
    with np.errstate(over="ignore"):
        key = mixed(mixed(mixed(np.array([SEED], np.uint32)) ^ np.uint32(0)) ^ np.uint32(0))
        bits = mixed(mixed(np.arange(count, dtype=np.uint32)) ^ key)
    return (bits >> np.uint32(8)).astype(F) * F(2.0 ** -24)


def rounded(q, s, threshold):
    if s.rounding == "even":
        return np.rint(q)
    if s.rounding == "away":
        whole = np.trunc(q)
        return whole + np.where(np.abs(q - whole) >= 0.5, np.copysign(F(1), q), F(0)).astype(F)
    if s.rounding == "zero":
        return np.trunc(q)
    if s.rounding == "up":
        return np.ceil(q)
    below = np.floor(q)
    return below + (q - below > threshold).astype(F)


def float8_table(name):
    exponent_bits, mantissa_bits, bias, top = (4, 3, 7, 0x7E) if name == "fp8e4m3" else (5, 2, 15, 0x7B)
    table = []
    for code in range(top + 1):
        e, m = code >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
        table.append(m * 2.0 ** (1 - bias - mantissa_bits) if e == 0 else (m + (1 << mantissa_bits)) * 2.0 ** (e - bias - mantissa_bits))
    return np.array(table)


def float8_codes(quotient, name):
    """Nearest of the format's numbers, ties to the even code, saturating; whether it was beyond the last one."""
    table = float8_table(name)
    a = np.abs(quotient.astype(np.float64))
    at = np.clip(np.searchsorted(table, a), 1, len(table) - 1)
    below, above = a - table[at - 1], table[at] - a
    code = np.where((below < above) | ((below == above) & (at % 2 == 1)), at - 1, at)
    step = table[-1] - table[-2]
    clipped = a >= table[-1] + step / 2 if (len(table) - 1) % 2 else a > table[-1] + step / 2
    code = np.where(np.isnan(quotient), 0x7F, code) + np.where(np.signbit(quotient), 0x80, 0)
    return code.astype(np.int32), clipped, table


def quantize(values, s, scales, zero_points, index):
    """codes, decoded, clipped with one scale per value."""
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        if s.format == "fp32":
            return np.zeros(0, np.int32), flat, np.zeros(flat.shape, bool)
        scale = scales[index]
        if s.format == "fp16":
            half = flat.astype(np.float16)
            return half.view(np.uint16).astype(np.int32), half.astype(F), np.isinf(half) & np.isfinite(flat)
        if s.format == "bf16":
            bits = flat.view(np.uint32).astype(np.uint64)
            up = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.int32)
            up = np.where(np.isnan(flat), ((bits >> 16) | 0x40).astype(np.int32), up)
            decoded = (up.astype(np.uint32) << np.uint32(16)).view(F)
            return up, decoded, np.isinf(decoded) & np.isfinite(flat)
        quotient = flat / scale
        if s.format.startswith("fp8"):
            code, clipped, table = float8_codes(quotient, s.format)
            magnitude = np.append(table, [np.nan] * (0x80 - len(table)))[code & 0x7F]
            decoded = scale * np.copysign(magnitude, np.where(code & 0x80, -1, 1)).astype(F)
            return code, decoded, clipped & np.isfinite(flat)
        zero_point = zero_points[index]
        code = rounded(quotient, s, thresholds(len(flat)))
        kept = np.clip(code, (s.low - zero_point).astype(F), (s.high - zero_point).astype(F))
        kept = np.where(np.isnan(quotient), F(0), kept).astype(F)
        clipped = (kept != code) & np.isfinite(flat)
        return kept.astype(np.int32) + zero_point, scale * kept, clipped
