"""More little graphs for compare_operators.py: com.microsoft's mixtures of experts, operators with states, and those
that are ONNX's own under other names. What ONNX Runtime's CPU provider leaves out is computed here."""

import numpy
from operator_cases import RANDOM, codes, contrib, reals

# Cases in which ONNX Runtime 1.30 does not do what it documents: its CPU provider reads use_sparse_mixer and takes the
# softmax of all scores, which its GPU providers do not.
NOT_COMPARED = {"MoE sparse mixer", "MoE sparse mixer, near scores"}


def add():
    expert_cases()
    state_cases()
    renamed_cases()


# Mixtures of experts -----------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


ACTIVATIONS = {"relu": lambda x: numpy.maximum(x, 0), "identity": lambda x: x, "silu": lambda x: x * sigmoid(x),
               "gelu": lambda x: 0.5 * x * (1 + numpy.tanh(0.79788456 * (x + 0.044715 * x ** 3)))}


def gated(fusion, alpha=1.0, beta=0.0, limit=numpy.inf):
    def activation(first, third):
        if fusion == 0:
            gate, value = first, third
        else:
            gate, value = (first[0::2], first[1::2]) if fusion == 1 else numpy.split(first, 2)
        gate, value = numpy.minimum(gate, limit), numpy.clip(value, -limit, limit)
        return gate * sigmoid(alpha * gate) * (value + beta)
    return activation


def softmax(x):
    shares = numpy.exp(x - x.max())
    return shares / shares.sum()


def sparse_mixer(scores):
    """Two choices; each is weighed against those that come within 2 % of it."""
    left, chosen = scores.astype(numpy.float64), []
    for _ in range(2):
        best = int(numpy.argmax(left))
        most = left[best]
        with numpy.errstate(invalid="ignore"):
            far = (most - left) / numpy.maximum(numpy.abs(left), most) > 0.02
        chosen.append((best, softmax(numpy.where(far, -numpy.inf, left))[best]))
        left = left.copy()
        left[best] = -numpy.inf
    return chosen


def choices(scores, count, normalized, weights):
    if count == "sparse":
        return sparse_mixer(scores)
    top = numpy.argsort(-scores, kind="stable")[:count]
    if weights is None:
        return zip(top, softmax(scores[top]) if normalized else softmax(scores)[top])
    return zip(top, weights[top] / (weights[top].sum() if normalized else 1))


def experts(x, router, matrices, activation, count, normalized=True, weights=None):
    """matrices: weights and bias (None without) of the first, second and third product."""
    (w1, b1), (w2, b2), (w3, b3) = matrices
    of = lambda w, b, e, v: w[e].astype(numpy.float64) @ v + (0 if b is None else b[e])
    tokens, made = x.reshape(-1, x.shape[-1]), []
    for t, token in enumerate(tokens):
        row = 0
        for e, share in choices(router[t], count, normalized, None if weights is None else weights[t]):
            third = None if w3 is None else of(w3, b3, e, token)
            row = row + share * of(w2, b2, e, activation(of(w1, b1, e, token), third))
        made.append(row)
    return [numpy.stack(made).reshape(x.shape)]


def packed(values, bits):
    """Along the last axis, low bits first, in whole bytes."""
    per_byte = 8 // bits
    padded = numpy.concatenate([values, numpy.zeros((*values.shape[:-1], -values.shape[-1] % per_byte), numpy.uint8)], -1)
    parts = padded.reshape(*values.shape[:-1], -1, per_byte)
    return sum(parts[..., i].astype(numpy.uint8) << (bits * i) for i in range(per_byte)).astype(numpy.uint8)


def quantized_matrix(count, rows, columns, bits, block, zeros):
    """Packed weights, scales, packed zero points ("" without) and what they stand for."""
    blocks = columns // block if block else 1
    values = RANDOM.integers(0, 2 ** bits, (count, rows, columns)).astype(numpy.uint8)
    scales = (numpy.abs(reals(count, rows, blocks)) * 0.02 + 0.002).astype(numpy.float32)
    points = RANDOM.integers(0, 2 ** bits, (count, rows, blocks)).astype(numpy.uint8)
    if not zeros:
        points[:] = 2 ** (bits - 1)
    spread = lambda x: numpy.repeat(x.astype(numpy.float64), columns // blocks, 2)
    meant = (values - spread(points)) * spread(scales)
    stored = packed(points if block else points[..., 0], bits) if zeros else ""
    return packed(values, bits), scales if block else scales[..., 0], stored, meant


def expert_cases():
    x, router = reals(2, 4, 8), 3 * reals(8, 5)
    w1, b1, w2, b2, w3, b3 = reals(5, 6, 8), reals(5, 6), reals(5, 8, 6), reals(5, 8), reals(5, 6, 8), reals(5, 6)
    for name, function in ACTIVATIONS.items():
        for normalized in (0, 1):
            contrib(f"MoE {name}, normalized {normalized}", "MoE", [x, router, w1, b1, w2, b2], k=2,
                    activation_type=name, normalize_routing_weights=normalized,
                    expected=lambda *v, function=function, normalized=normalized: experts(
                        x, router, ((w1, b1), (w2, b2), (None, None)), lambda a, _: function(a), 2, normalized))
    contrib("MoE without bias, flat", "MoE", [x[0], router[:4], w1, "", w2], k=1, expected=lambda *v: experts(
        x[0], router[:4], ((w1, None), (w2, None), (None, None)), lambda a, _: ACTIVATIONS["relu"](a), 1, False))
    contrib("MoE third matrix", "MoE", [x, router, w1, b1, w2, b2, w3, b3], k=2, activation_type="silu",
            expected=lambda *v: experts(x, router, ((w1, b1), (w2, b2), (w3, b3)),
                                        lambda a, b: ACTIVATIONS["silu"](a) * b, 2, False))
    contrib("MoE sparse mixer", "MoE", [x, router, w1, b1, w2, b2], k=2, use_sparse_mixer=1, expected=lambda *v: experts(
        x, router, ((w1, b1), (w2, b2), (None, None)), lambda a, _: ACTIVATIONS["relu"](a), "sparse"))
    near = (1 + 0.01 * reals(8, 5)).astype(numpy.float32)
    contrib("MoE sparse mixer, near scores", "MoE", [x, near, w1, b1, w2, b2], k=2, use_sparse_mixer=1,
            expected=lambda *v: experts(x, near, ((w1, b1), (w2, b2), (None, None)),
                                        lambda a, _: ACTIVATIONS["relu"](a), "sparse"))
    wide, wide_bias = reals(5, 12, 8), reals(5, 12)
    for fusion in (1, 2):
        contrib(f"MoE swiglu {fusion}", "MoE", [x, router, wide, wide_bias, w2, b2], k=3, activation_type="swiglu",
                swiglu_fusion=fusion, activation_alpha=1.7, activation_beta=1.0, swiglu_limit=0.5,
                normalize_routing_weights=1, expected=lambda *v, fusion=fusion: experts(
                    x, router, ((wide, wide_bias), (w2, b2), (None, None)),
                    gated(fusion, 1.7, 1.0, 0.5), 3))
    contrib("MoE swiglu 0", "MoE", [x, router, w1, b1, w2, b2, w3, b3], k=2, activation_type="swiglu",
            expected=lambda *v: experts(x, router, ((w1, b1), (w2, b2), (w3, b3)), gated(0), 2, False))
    quantized_expert_cases()


def quantized_expert_cases():
    x, router, shares = reals(6, 64), 3 * reals(6, 4), numpy.abs(reals(6, 4))
    b1, b2 = reals(4, 64), reals(4, 64)
    for bits in (2, 4, 8):
        for block in (0, 16):
            for zeros in (False, True):
                first = quantized_matrix(4, 64, 64, bits, block, zeros)
                second = quantized_matrix(4, 64, 32, bits, block, zeros)
                points = ["", "", "", first[2], second[2]] if zeros else []
                contrib(f"QMoE {bits} bits, blocks of {block}{', zeros' if zeros else ''}", "QMoE",
                        [x, router, *first[:2], b1, *second[:2], b2, *points], k=2, activation_type="swiglu",
                        swiglu_fusion=1, activation_beta=1.0, swiglu_limit=7.0, normalize_routing_weights=1,
                        expert_weight_bits=bits, **({"block_size": block} if block else {}),
                        expected=lambda *v, first=first, second=second: experts(
                            x, router, ((first[3], b1), (second[3], b2), (None, None)), gated(1, 1.0, 1.0, 7.0), 2))
    first, second = quantized_matrix(4, 32, 64, 4, 0, False), quantized_matrix(4, 64, 32, 4, 0, False)
    for normalized in (0, 1):
        contrib(f"QMoE weights of their own, normalized {normalized}", "QMoE",
                [x, router, *first[:2], b1[:, :32], *second[:2], b2, *[""] * 6, shares], k=2, activation_type="silu",
                normalize_routing_weights=normalized, expected=lambda *v, normalized=normalized: experts(
                    x, router, ((first[3], b1[:, :32]), (second[3], b2), (None, None)),
                    lambda a, _: ACTIVATIONS["silu"](a), 2, normalized, shares))


# States ------------------------------------------------------------------------------------------------------------


def linear_attention(q, k, v, state, decay, rate, heads, rule, scale=None):
    """heads: of queries, keys, values."""
    split = lambda x, n: x.reshape(*x.shape[:2], n, -1).astype(numpy.float64)
    q, k, v = (split(x, n) for x, n in zip((q, k, v), heads))
    most = max(heads[0], heads[2])
    k = numpy.repeat(k, heads[2] // heads[1], 2)
    s = numpy.zeros((len(q), heads[2], q.shape[-1], v.shape[-1])) if isinstance(state, str) else state.astype(float)
    y = numpy.zeros((*q.shape[:2], most, v.shape[-1]))
    for t in range(q.shape[1]):
        if "gated" in rule:
            s = s * numpy.exp(split(decay, heads[2])[:, t])[..., None]
        change = v[:, t]
        if "delta" in rule:
            change = rate[:, t, :, None] * (change - numpy.einsum("bhkv,bhk->bhv", s, k[:, t]))
        s = s + k[:, t, :, :, None] * change[:, :, None]
        query = numpy.repeat(q[:, t], most // heads[0], 1)
        y[:, t] = numpy.einsum("bhk,bhkv->bhv", query, numpy.repeat(s, most // heads[2], 1))
    return [(scale or q.shape[-1] ** -0.5) * y.reshape(*y.shape[:2], -1), s]


def causal_convolution(x, w, b, past, dilation=1, activation=None):
    before = (w.shape[2] - 1) * dilation
    past = numpy.zeros((*x.shape[:2], before)) if isinstance(past, str) else past
    row = numpy.concatenate([past, x], 2).astype(numpy.float64)
    y = sum(w[:, 0, i, None] * row[:, :, i * dilation:i * dilation + x.shape[2]] for i in range(w.shape[2]))
    y = y + (0 if isinstance(b, str) else b[:, None])
    return [y if activation is None else y * sigmoid(y), row[:, :, row.shape[2] - before:]]


def state_cases():
    outputs = ("y", "state")
    q, k, v = reals(2, 5, 16), reals(2, 5, 16) / 2, reals(2, 5, 24)
    state, decay, wide_decay, rate = reals(2, 4, 4, 6), -numpy.abs(reals(2, 5, 4)), -numpy.abs(reals(2, 5, 16)), \
        numpy.abs(reals(2, 5, 4))
    for rule in ("linear", "gated", "delta", "gated_delta"):
        gates = [decay if "gated" in rule else "", *([rate] if "delta" in rule else [])]
        for before in ("", state):
            contrib(f"LinearAttention {rule}{'' if isinstance(before, str) else ' with a state'}", "LinearAttention",
                    [q, k, v, before, *(gates if rule != "linear" else [])], outputs, q_num_heads=4, kv_num_heads=4,
                    update_rule=rule, expected=lambda *x, before=before, rule=rule: linear_attention(
                        q, k, v, before, decay, rate, (4, 4, 4), rule))
    contrib("LinearAttention decays of keys", "LinearAttention", [q, k, v, state, wide_decay, rate], outputs,
            q_num_heads=4, kv_num_heads=4, scale=0.7, expected=lambda *x: linear_attention(
                q, k, v, state, wide_decay, rate, (4, 4, 4), "gated_delta", 0.7))
    more, few = reals(2, 5, 32), reals(2, 5, 8)
    contrib("LinearAttention more queries", "LinearAttention", [more, k, v, state, decay, rate], outputs, q_num_heads=8,
            kv_num_heads=4, expected=lambda *x: linear_attention(more, k, v, state, decay, rate, (8, 4, 4), "gated_delta"))
    contrib("LinearAttention more values", "LinearAttention", [few, k, v, state, decay, rate], outputs, q_num_heads=2,
            kv_num_heads=4, expected=lambda *x: linear_attention(few, k, v, state, decay, rate, (2, 4, 4), "gated_delta"))
    x, w, b, past = reals(2, 6, 7), reals(6, 1, 4), reals(6), reals(2, 6, 3)
    contrib("CausalConvWithState", "CausalConvWithState", [x, w], outputs,
            expected=lambda *_: causal_convolution(x, w, "", ""))
    contrib("CausalConvWithState with a state", "CausalConvWithState", [x, w, b, past], outputs, activation="silu",
            expected=lambda *_: causal_convolution(x, w, b, past, 1, "silu"))
    contrib("CausalConvWithState one token", "CausalConvWithState", [x[:, :, :1], w, b, past], outputs,
            expected=lambda *_: causal_convolution(x[:, :, :1], w, b, past))
    longer = reals(2, 6, 6)
    contrib("CausalConvWithState dilated", "CausalConvWithState", [x, w, b, longer], outputs, dilation=2,
            expected=lambda *_: causal_convolution(x, w, b, longer, 2))


# ONNX's own under other names --------------------------------------------------------------------------------------


def renamed_cases():
    x, image = reals(2, 3, 4), reals(1, 2, 7, 6)
    contrib("ExpandDims", "ExpandDims", [x, numpy.int32(-2)], expected=lambda x, a: [numpy.expand_dims(x, -2)])
    contrib("GatherND", "GatherND", [x, numpy.array([[0, 2], [1, 0]])], expected=lambda x, i: [x[[0, 1], [2, 0]]])
    contrib("GridSample contrib", "GridSample", [image, 1.3 * reals(1, 3, 4, 2)], mode="bilinear")
    contrib("Pad contrib", "Pad", [x, numpy.array([0, 1, 2, 0, 0, 1]), numpy.float32([0.5])])
    contrib("Range contrib", "Range", [numpy.float32(1), numpy.float32(4.5)],
            expected=lambda a, b: [numpy.arange(1, 4.5, dtype=numpy.float32)])
    contrib("Range contrib, step", "Range", [numpy.int32(9), numpy.int32(1), numpy.int32(-3)],
            expected=lambda a, b, c: [numpy.arange(9, 1, -3, dtype=numpy.int32)])
    contrib("Trilu contrib", "Trilu", [x, numpy.int64(-1)], upper=0, expected=lambda x, k: [numpy.tril(x, -1)])
    different = numpy.array([2, 1, 1, 3, 4, 3], numpy.float32)
    contrib("Unique contrib", "Unique", [different], ("y", "i", "n"),
            expected=lambda x: [numpy.float32([2, 1, 3, 4]), numpy.array([0, 1, 1, 2, 3, 2]), numpy.array([1, 2, 2, 1])])
    contrib("TransposeMatMul", "TransposeMatMul", [reals(2, 6, 4), reals(2, 5, 6)], transA=1, transB=1, alpha=0.7,
            expected=lambda a, b: [0.7 * a.swapaxes(1, 2) @ b.swapaxes(1, 2)])
    contrib("FusedMatMulActivation", "FusedMatMulActivation", [reals(2, 4, 6), reals(6, 5)], activation="LeakyRelu",
            activation_alpha=0.2, expected=lambda a, b: [numpy.where(a @ b > 0, a @ b, 0.2 * (a @ b))])
    contrib("GemmFastGelu", "GemmFastGelu", [reals(4, 6), reals(6, 5), reals(5)],
            expected=lambda x, w, b: [ACTIVATIONS["gelu"](x @ w + b)])
    for metric in ("sqeuclidean", "euclidean"):
        contrib(f"CDist {metric}", "CDist", [reals(4, 6), reals(3, 6)], metric=metric, expected=lambda a, b, metric=metric: [
            ((a[:, None].astype(float) - b) ** 2).sum(-1) ** (0.5 if metric == "euclidean" else 1)])
    contrib("Inverse", "Inverse", [reals(3, 5, 5) + 2 * numpy.eye(5, dtype=numpy.float32)],
            expected=lambda x: [numpy.linalg.inv(x.astype(float))])
    contrib("ConvTransposeWithDynamicPads", "ConvTransposeWithDynamicPads",
            [reals(1, 4, 5, 6), reals(4, 3, 3, 3), numpy.array([1, 0, 1, 2]), reals(3)], strides=[2, 1])
    contrib("MatMulInteger16", "MatMulInteger16", [codes(numpy.int16, 3, 9), codes(numpy.int16, 9, 4)],
            expected=lambda a, b: [(a.astype(int) @ b.astype(int)).astype(numpy.int32)])
    for kind in (0, 1):
        contrib(f"MatMulBnb4 {kind}", "MatMulBnb4", [reals(2, 3, 40), codes(numpy.uint8, 10 * 20), numpy.abs(reals(13)) + 0.1],
                K=40, N=10, block_size=32, quant_type=kind)
    u8 = lambda *shape: codes(numpy.uint8, *shape)
    scales = [numpy.float32(s) for s in (0.02, 0.03, 0.01, 0.02, 0.015)]
    zeros = [numpy.uint8(z) for z in (120, 131, 100, 3, 128)]
    words, segments = RANDOM.integers(0, 9, (2, 3)).astype(numpy.int32), numpy.array([[0, 1, 1], [1, 0, 0]], numpy.int32)
    contrib("QEmbedLayerNormalization", "QEmbedLayerNormalization",
            [words, segments, u8(9, 8), u8(5, 8), u8(2, 8), u8(8), u8(8), numpy.array([[1, 1, 0], [1, 1, 1]], numpy.int32),
             *scales, *zeros], ("y", "n"))
