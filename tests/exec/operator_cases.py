"""Little graphs of one operator each, for compare_operators.py.

A case is (name, node, inputs, outputs, expected): `expected` computes the outputs from the inputs with NumPy, or is
None where ONNX Runtime alone says what is right. Inputs are arrays, "" for one that is left out; an output named ""
is not asked for.
"""

import numpy
import onnx

RANDOM = numpy.random.default_rng(20)
CASES = []
OPSET = 24


def reals(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(numpy.float32)


def codes(kind, *shape):
    limits = numpy.iinfo(kind)
    return RANDOM.integers(limits.min, limits.max + 1, shape).astype(kind)


def case(name, op, inputs, outputs=("y",), expected=None, domain="", model_opset=OPSET, **attributes):
    names = ["" if isinstance(array, str) else f"x{i}" for i, array in enumerate(inputs)]
    node = onnx.helper.make_node(op, names, list(outputs), domain=domain, **attributes)
    given = {label: numpy.asarray(array) for label, array in zip(names, inputs) if label}
    CASES.append((name, node, given, [output for output in outputs if output], expected, model_opset))


def contrib(name, op, inputs, outputs=("y",), expected=None, **attributes):
    case(name, op, inputs, outputs, expected, "com.microsoft", **attributes)


# Attention ---------------------------------------------------------------------------------------------------------


def attention(q, k, v, mask=None, past_key=None, past_value=None, nonpad=None, heads=None, kv_heads=None, scale=None,
              causal=False, softcap=0.0, mode=0):
    flat = q.ndim == 3
    if flat:
        q, k, v = (x.reshape(*x.shape[:2], n, -1).swapaxes(1, 2) for x, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
    past = 0
    if past_key is not None:
        k, v, past = numpy.concatenate([past_key, k], 2), numpy.concatenate([past_value, v], 2), past_key.shape[2]
    present = k, v
    k, v = (numpy.repeat(x, q.shape[1] // x.shape[1], 1) for x in (k, v))
    scale = scale or q.shape[-1] ** -0.5
    products = numpy.einsum("bhqd,bhkd->bhqk", q.astype(numpy.float64), k) * scale
    capped = softcap * numpy.tanh(products / softcap) if softcap else products
    bias = numpy.zeros(products.shape)
    if mask is not None:
        if mask.dtype == bool:
            mask = numpy.where(mask, 0.0, -numpy.inf)
        missing = k.shape[2] - mask.shape[-1]
        bias += numpy.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, missing)], constant_values=-numpy.inf)
    query, key = numpy.indices(products.shape[2:])
    for b in range(len(q)):
        before = past if nonpad is None or past_key is not None else int(nonpad[b]) - q.shape[2]
        if causal:
            bias[b][:, key > query + before] = -numpy.inf
        if nonpad is not None:
            bias[b][:, key >= nonpad[b]] = -numpy.inf
    scores = capped + bias
    most = scores.max(-1, keepdims=True)
    weights = numpy.exp(scores - numpy.where(numpy.isfinite(most), most, 0))
    weights /= numpy.maximum(weights.sum(-1, keepdims=True), 1e-30)
    y = weights @ v
    if flat:
        y = y.swapaxes(1, 2).reshape(*y.shape[:1], y.shape[2], -1)
    return [y, *present, [products, capped, scores, weights][mode]]


def attention_cases():
    q, k, v = reals(2, 6, 4, 8), reals(2, 3, 5, 8), reals(2, 3, 5, 10)
    mask, flags = reals(4, 5), RANDOM.random((2, 1, 4, 5)) < 0.6
    flags[0, 0, 1] = False  # a query that may look at nothing
    flat = reals(2, 4, 48), reals(2, 5, 24), reals(2, 5, 30)
    pasts = reals(2, 3, 7, 8), reals(2, 3, 7, 10)
    heads = {"q_num_heads": 6, "kv_num_heads": 3}
    all_of = ("y", "pk", "pv", "qk")
    case("attention grouped", "Attention", [q, k, v], expected=attention)
    case("attention causal", "Attention", [q, k, v], is_causal=1, expected=lambda *x: attention(*x, causal=True))
    case("attention scale softcap", "Attention", [q, k, v, mask], scale=0.7, softcap=0.5,
         expected=lambda *x: attention(*x, scale=0.7, softcap=0.5))
    case("attention boolean mask", "Attention", [q, k, v, flags], expected=attention)
    case("attention short mask", "Attention", [q, k, v, mask[:, :3]], expected=attention)
    case("attention flat", "Attention", list(flat), expected=lambda *x: attention(*x, heads=6, kv_heads=3), **heads)
    for mode in range(4):
        case(f"attention past, scores {mode}", "Attention", [*flat, reals(2, 6, 4, 12), *pasts], all_of, is_causal=1,
             qk_matmul_output_mode=mode, softcap=1.5, **heads,
             expected=lambda *x, mode=mode: attention(*x, heads=6, kv_heads=3, causal=True, softcap=1.5, mode=mode))
    valid = numpy.array([5, 4], numpy.int64)
    case("attention padding", "Attention", [q, k, v, "", "", "", valid], is_causal=1,
         expected=lambda q, k, v, n: attention(q, k, v, nonpad=n, causal=True))
    case("attention opset 23", "Attention", [q, k, v, mask], model_opset=23, expected=attention)


def contrib_attention_cases():
    x, w, b = reals(2, 4, 12), reals(12, 48), reals(48)
    ends, both = numpy.array([4, 2], numpy.int32), numpy.array([4, 3, 0, 1], numpy.int32)
    raw = (RANDOM.random((2, 4)) < 0.7).astype(numpy.int32)
    for name, mask in (("none", ""), ("ends", ends), ("both ends", both), ("raw", raw)):
        contrib(f"Attention mask {name}", "Attention", [x, w, b, mask], num_heads=4)
    past = reals(2, 2, 4, 3, 4)
    contrib("Attention past", "Attention", [x, w, b, "", past], ("y", "present"), num_heads=4, unidirectional=1)
    contrib("Attention sizes", "Attention", [x, reals(12, 40), reals(40), "", "", reals(1, 4, 4, 4)], num_heads=4,
            qkv_hidden_sizes=[16, 16, 8])
    scale, zero = numpy.float32(0.02), numpy.uint8(128)
    contrib("QAttention", "QAttention", [codes(numpy.uint8, 2, 4, 12), codes(numpy.int8, 12, 48), b, scale,
                                         numpy.float32(0.01), "", zero, numpy.int8(0)], num_heads=4)
    q, k, v = reals(2, 4, 16), reals(2, 5, 16), reals(2, 5, 24)
    contrib("MultiHeadAttention", "MultiHeadAttention", [q, k, v, reals(56), "", reals(1, 4, 4, 5)], num_heads=4)
    contrib("MultiHeadAttention packed keys", "MultiHeadAttention", [q, reals(2, 5, 4, 2, 4)], num_heads=4,
            expected=lambda q, kv: attention(q, *(kv[:, :, :, i].reshape(2, 5, 16) for i in (0, 1)), heads=4, kv_heads=4))
    contrib("MultiHeadAttention packed", "MultiHeadAttention", [reals(2, 4, 4, 3, 4)], num_heads=4,
            expected=lambda x: attention(*(x[:, :, :, i].reshape(2, 4, 16) for i in range(3)), heads=4, kv_heads=4))
    contrib("MultiHeadAttention padding", "MultiHeadAttention",
            [q, k, v, "", (RANDOM.random((2, 5)) < 0.7).astype(numpy.int32)], num_heads=4, scale=0.3)
    contrib("MultiHeadAttention past", "MultiHeadAttention",
            [q, reals(2, 4, 16), reals(2, 4, 16), "", "", "", reals(2, 4, 3, 4), reals(2, 4, 3, 4)],
            ("y", "pk", "pv"), num_heads=4, unidirectional=1)
    contrib("MultiHeadAttention cross", "MultiHeadAttention", [q, reals(2, 4, 5, 4), reals(2, 4, 5, 4)], num_heads=4)
    grouped_attention_cases()


def grouped_attention_cases():
    size = 16
    angles = numpy.outer(numpy.arange(32), 1 / 100 ** (numpy.arange(size / 2) / (size / 2)))
    tables = [numpy.cos(angles).astype(numpy.float32), numpy.sin(angles).astype(numpy.float32)]
    outputs = ("y", "pk", "pv")
    heads = {"num_heads": 4, "kv_num_heads": 2}
    first = [reals(2, 6, 4 * size), reals(2, 6, 2 * size), reals(2, 6, 2 * size)]
    whole = numpy.array([5, 5], numpy.int32), numpy.int32(6)
    contrib("GroupQueryAttention prompt", "GroupQueryAttention", [*first, "", "", *whole], outputs, **heads)
    contrib("GroupQueryAttention rotary", "GroupQueryAttention", [*first, "", "", *whole, *tables], outputs,
            do_rotary=1, **heads)
    contrib("GroupQueryAttention interleaved", "GroupQueryAttention", [*first, "", "", *whole, *tables], outputs,
            do_rotary=1, rotary_interleaved=1, **heads)
    for window in (1, 2, 4, 9):
        contrib(f"GroupQueryAttention window {window}", "GroupQueryAttention", [*first, "", "", *whole], outputs,
                local_window_size=window, **heads)
    contrib("GroupQueryAttention softcap", "GroupQueryAttention", [*first, "", "", *whole], outputs, softcap=0.8,
            smooth_softmax=1, scale=0.4, **heads)
    contrib("GroupQueryAttention packed", "GroupQueryAttention", [reals(2, 6, 8 * size), "", "", "", "", *whole],
            outputs, **heads)
    step = [reals(2, 1, 4 * size), reals(2, 1, 2 * size), reals(2, 1, 2 * size), reals(2, 2, 8, size),
            reals(2, 2, 8, size)]
    later = numpy.array([8, 8], numpy.int32), numpy.int32(9)
    contrib("GroupQueryAttention next", "GroupQueryAttention", [*step, *later, *tables], outputs, do_rotary=1, **heads)
    contrib("GroupQueryAttention bias", "GroupQueryAttention", [*step, *later, "", "", "", reals(2, 4, 1, 9)], outputs,
            **heads)
    contrib("GroupQueryAttention sinks", "GroupQueryAttention", [*first, "", "", *whole, "", "", "", "", reals(4)],
            outputs, **heads)


# Rotary positions --------------------------------------------------------------------------------------------------


def rotary(x, cos, sin, positions=None, interleaved=False, heads=None):
    flat = x.ndim == 3
    y = (x.reshape(*x.shape[:2], heads, -1) if flat else x.swapaxes(1, 2)).astype(numpy.float64)
    if positions is not None:
        cos, sin = cos[positions], sin[positions]
    half = cos.shape[-1]
    first = slice(0, 2 * half, 2) if interleaved else slice(0, half)
    second = slice(1, 2 * half, 2) if interleaved else slice(half, 2 * half)
    turned = (y[..., first] + 1j * y[..., second]) * (cos + 1j * sin)[:, :, None]
    y[..., first], y[..., second] = turned.real, turned.imag
    return [y.reshape(x.shape) if flat else y.swapaxes(1, 2)]


def rotary_cases():
    x, flat = reals(2, 3, 4, 8), reals(2, 4, 24)
    angles = RANDOM.uniform(0, 6, (50, 4)).astype(numpy.float32)
    tables = [numpy.cos(angles), numpy.sin(angles)]
    places = RANDOM.integers(0, 50, (2, 4))
    case("rotary", "RotaryEmbedding", [x, *tables, places], expected=rotary)
    case("rotary interleaved", "RotaryEmbedding", [x, *tables, places], interleaved=1,
         expected=lambda *x: rotary(*x, interleaved=True))
    case("rotary flat, partial", "RotaryEmbedding", [flat, *(t[:, :2] for t in tables), places], num_heads=3,
         rotary_embedding_dim=4, expected=lambda *x: rotary(*x, heads=3))
    case("rotary without positions", "RotaryEmbedding", [x, *(t[:8].reshape(2, 4, 4) for t in tables)],
         expected=rotary)
    contrib("RotaryEmbedding", "RotaryEmbedding", [flat, places, *tables], num_heads=3)
    contrib("RotaryEmbedding start", "RotaryEmbedding", [x, numpy.array([7]), *tables], interleaved=1)


# Patches -----------------------------------------------------------------------------------------------------------


def torch_of(function):
    import torch
    return lambda *inputs: [function(torch, *(torch.from_numpy(x.copy()) for x in inputs)).numpy()]


def deformed(x, w, offset, bias, mask, stride, pad, dilation, groups, offset_groups):
    """By the definition of DeformConv-19, one output at a time."""
    n, channels, height, width = x.shape
    outputs, inputs, rows, columns = w.shape
    y = numpy.zeros((n, outputs, *offset.shape[2:]))
    per_offset = channels // offset_groups
    offset = offset.reshape(n, offset_groups, rows, columns, 2, *y.shape[2:])
    mask = mask.reshape(n, offset_groups, rows, columns, *y.shape[2:])
    padded = numpy.pad(x, [(0, 0), (0, 0), (60, 60), (60, 60)]).astype(numpy.float64)
    for b, m, i, j in numpy.ndindex(y.shape):
        for c, r, s in numpy.ndindex(inputs, rows, columns):
            channel = m // (outputs // groups) * inputs + c
            of = channel // per_offset
            at = [i * stride - pad + r * dilation + offset[b, of, r, s, 0, i, j] + 60,
                  j * stride - pad + s * dilation + offset[b, of, r, s, 1, i, j] + 60]
            top, left = (int(numpy.floor(v)) for v in at)
            cell = padded[b, channel, top:top + 2, left:left + 2]
            down, across = at[0] - top, at[1] - left
            value = numpy.array([1 - down, down]) @ cell @ numpy.array([1 - across, across])
            y[b, m, i, j] += w[m, c, r, s] * value * mask[b, of, r, s, i, j]
    return [y + bias[:, None, None]]


def patch_cases():
    case("Col2Im", "Col2Im", [reals(2, 18, 9), numpy.array([5, 7]), numpy.array([2, 3])], pads=[0, 1, 1, 0],
         strides=[2, 2])
    columns = reals(2, 18, 15)
    case("Col2Im dilated", "Col2Im", [columns, numpy.array([6, 7]), numpy.array([2, 3])], dilations=[3, 1],
         expected=lambda c, image, block: torch_of(lambda torch, x: torch.nn.functional.fold(
             x, (6, 7), (2, 3), dilation=(3, 1)))(c))
    x, w = reals(2, 4, 6, 7), reals(6, 2, 3, 2)
    offset, mask = 3 * reals(2, 2 * 6 * 2, 3, 4), reals(2, 2 * 6, 3, 4)
    case("DeformConv", "DeformConv", [x, w, offset, reals(6), mask], pads=[1, 1, 1, 1], strides=[2, 2], group=2,
         offset_group=2, kernel_shape=[3, 2], model_opset=19,
         expected=lambda *v: deformed(*v, stride=2, pad=1, dilation=1, groups=2, offset_groups=2))
    double = x.astype(numpy.float64), w.astype(numpy.float64)
    case("Conv float64", "Conv", [*double, reals(6).astype(numpy.float64)], group=2, pads=[1, 0, 1, 1],
         strides=[2, 1], dilations=[1, 2],
         expected=torch_of(lambda torch, x, w, b: torch.nn.functional.conv2d(
             torch.nn.functional.pad(x, (0, 1, 1, 1)), w, b, stride=(2, 1), dilation=(1, 2), groups=2)))
    case("ConvTranspose float64", "ConvTranspose", [double[0], reals(4, 3, 3, 2).astype(numpy.float64)], group=2,
         strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 0],
         expected=torch_of(lambda torch, x, w: torch.nn.functional.conv_transpose2d(
             x, w, stride=(2, 3), groups=2, output_padding=(1, 0))[:, :, 1:, :-1]))


# Integers ----------------------------------------------------------------------------------------------------------


def integer_sums(x, w, x_zero, w_zero, **options):
    """By PyTorch in float64, in which the sums are exact."""
    import torch
    before, after = options.pop("pads", ((0, 0), (0, 0)))
    x = torch.from_numpy(x.astype(numpy.float64) - numpy.float64(x_zero))
    w = w.astype(numpy.float64) - numpy.asarray(w_zero, numpy.float64).reshape(-1, *[1] * (w.ndim - 1))
    x = torch.nn.functional.pad(x, (before[1], after[1], before[0], after[0]))
    return torch.nn.functional.conv2d(x, torch.from_numpy(w), **options).numpy()


def rescaled(sums, bias, factors, zero, kind):
    factors = numpy.asarray(factors, numpy.float32).reshape(-1, 1, 1)
    values = (sums + bias[:, None, None]).astype(numpy.float32) * factors
    return [numpy.clip(numpy.round(values) + zero, *(getattr(numpy.iinfo(kind), x) for x in ("min", "max"))).astype(kind)]


def integer_convolution(name, x, w, x_zero, w_zero, y_zero, groups=1, pads=(0, 0, 0, 0), strides=(1, 1), dilations=(1, 1)):
    """QLinearConv and ConvInteger. ONNX Runtime takes one zero point for all int8 weights only."""
    options = {"pads": (pads[:2], pads[2:]), "stride": strides, "dilation": dilations, "groups": groups}
    attributes = {"group": groups, "pads": pads, "strides": strides, "dilations": dilations}
    scales = RANDOM.uniform(0.001, 0.003, w.shape[0]).astype(numpy.float32)
    x_scale, y_scale = numpy.float32(0.02), numpy.float32(0.11)
    bias = RANDOM.integers(-3000, 3000, w.shape[0]).astype(numpy.int32)
    per_channel = numpy.full(w.shape[0], w_zero, w.dtype) if numpy.ndim(w_zero) == 0 else w_zero
    case(f"QLinearConv {name}", "QLinearConv",
         [x, x_scale, x_zero, w, scales, per_channel, y_scale, y_zero, bias], model_opset=13,
         expected=lambda *v: rescaled(integer_sums(x, w, x_zero, w_zero, **options), bias, x_scale * scales / y_scale,
                                      y_zero, y_zero.dtype), **attributes)
    case(f"ConvInteger {name}", "ConvInteger", [x, w, x_zero, w_zero], model_opset=13, **attributes,
         expected=lambda *v: [integer_sums(x, w, x_zero, w_zero, **options).astype(numpy.int32)])


def integer_cases():
    u8, s8 = numpy.uint8, numpy.int8
    x, signed = codes(u8, 2, 8, 9, 7), codes(s8, 2, 8, 9, 7)
    integer_convolution("plain", x, codes(s8, 12, 8, 3, 3), u8(120), s8(0), u8(7), pads=(1, 1, 1, 1))
    integer_convolution("uint8 weights", x, codes(u8, 12, 8, 3, 3), u8(120), u8(131), u8(7), pads=(1, 0, 1, 1),
                        strides=(2, 1))
    integer_convolution("depthwise", x, codes(u8, 8, 1, 3, 3), u8(3), u8(101), u8(128), groups=8, pads=(1, 1, 1, 1))
    integer_convolution("groups", x, codes(s8, 6, 4, 2, 3), u8(3), s8(0), s8(-5), groups=2, dilations=(2, 1))
    integer_convolution("int8", signed, codes(s8, 5, 8, 1, 1), s8(-9), s8(0), s8(1))
    integer_convolution("zero points", signed, codes(s8, 5, 8, 3, 1), s8(17), codes(s8, 5), s8(1), pads=(2, 0, 1, 0))
    integer_convolution("large sums", numpy.full((1, 700, 3, 3), 255, u8), numpy.full((2, 700, 3, 3), 127, s8), u8(0),
                        s8(0), u8(0))
    a, b = codes(u8, 3, 5, 40), codes(s8, 40, 9)
    case("MatMulInteger", "MatMulInteger", [a, b, u8(50), codes(s8, 9)], model_opset=13,
         expected=lambda a, b, s, t: [(a.astype(int) - int(s)) @ (b.astype(int) - t)])
    case("MatMulInteger batches", "MatMulInteger", [codes(s8, 2, 1, 4, 6), codes(u8, 3, 6, 5), s8(-3), u8(200)],
         model_opset=13, expected=lambda a, b, s, t: [(a.astype(int) - int(s)) @ (b.astype(int) - int(t))])
    case("QLinearMatMul", "QLinearMatMul", [a, numpy.float32(0.02), u8(50), b, numpy.float32(0.01), s8(4),
                                            numpy.float32(0.3), u8(90)], model_opset=13)


# Fused and quantized -----------------------------------------------------------------------------------------------


def fused_cases():
    x, w, b, z = reals(1, 4, 6, 5), reals(8, 4, 3, 3), reals(8), reals(1, 8, 6, 5)
    around = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    contrib("FusedConv", "FusedConv", [x, w, b], activation="Relu", **around)
    contrib("FusedConv added", "FusedConv", [x, w, b, z], activation="Relu", **around)
    contrib("FusedConv leaky", "FusedConv", [x, w], activation="LeakyRelu", activation_params=[0.2], **around)
    contrib("FusedConv clip", "FusedConv", [x, w], activation="Clip", activation_params=[-0.5, 0.7], **around)
    contrib("FusedConv hard sigmoid", "FusedConv", [x, w], activation="HardSigmoid", activation_params=[0.3, 0.4],
            **around)
    contrib("FusedGemm", "FusedGemm", [reals(4, 6), reals(5, 6), reals(5)], activation="Relu", transB=1, alpha=0.5)
    contrib("FusedGemm leaky", "FusedGemm", [reals(4, 6), reals(6, 5), reals(5)], activation="LeakyRelu",
            activation_alpha=0.3)
    contrib("FusedMatMul", "FusedMatMul", [reals(2, 3, 6, 4), reals(2, 3, 5, 6)], transA=1, transB=1, alpha=0.7)
    contrib("NhwcMaxPool", "NhwcMaxPool", [codes(numpy.uint8, 1, 6, 5, 4)], kernel_shape=[3, 2], strides=[2, 1])
    quantized_cases()


def rounded(x):
    """x as the uint8 codes that DynamicQuantizeLinear gives it stand for."""
    least, most = min(0, x.min()), max(0, x.max())
    scale = numpy.float32(most - least) / numpy.float32(255) or numpy.float32(1)
    zero = numpy.round(-least / scale)
    return (numpy.clip(numpy.round(x / scale) + zero, 0, 255) - zero) * scale


def dynamic_lstm(x, w, r, b, h, c, p, w_scale, w_zero, r_scale, r_zero, reverse):
    """One direction of DynamicQuantizeLSTM; weights [inputs, rows], states [batch, units]."""
    gate = lambda z: 1 / (1 + numpy.exp(-z))
    w, r = ((codes_.astype(numpy.float64) - zero) * scale for codes_, zero, scale in ((w, w_zero, w_scale),
                                                                                      (r, r_zero, r_scale)))
    units, made = h.shape[1], numpy.zeros((len(x), *h.shape))
    projected = rounded(x) @ w + b[:4 * units] + b[4 * units:]
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        i, o, f, g = numpy.split(projected[t] + rounded(h.astype(numpy.float32)) @ r, 4, -1)
        i, f = gate(i + p[0] * c), gate(f + p[2] * c)
        c = f * c + i * numpy.tanh(g)
        made[t] = h = gate(o + p[1] * c) * numpy.tanh(c)
    return made, h, c


def dynamic_lstms(x, w, r, b, h, c, p, *parameters):
    made = [dynamic_lstm(x, w[d], r[d], b[d], h[d], c[d], p[d].reshape(3, -1), *(q[d] for q in parameters), d == 1)
            for d in range(len(w))]
    return [numpy.stack(parts, axis) for axis, parts in zip((1, 0, 0), zip(*made))]


def quantized_cases():
    u8 = numpy.uint8
    x, scale, zero = codes(u8, 2, 6, 5, 4), numpy.float32(0.05), u8(120)
    contrib("QLinearReduceMean", "QLinearReduceMean", [x, scale, zero, numpy.float32(0.02), u8(100)], axes=[1, 2],
            keepdims=0, expected=lambda x, s, z, t, y: [numpy.clip(numpy.round(
                (x.astype(numpy.float64) - 120).mean((1, 2)) * 0.05 / 0.02) + 100, 0, 255).astype(u8)])
    contrib("QLinearWhere", "QLinearWhere", [RANDOM.random((6, 5, 1)) < 0.5, x, scale, zero, codes(u8, 4),
                                             numpy.float32(0.03), u8(3), numpy.float32(0.06), u8(90)])
    weights, scales = codes(u8, 3, 4, 3, 3).astype(numpy.int8), reals(3) ** 2 + numpy.float32(0.001)
    contrib("QLinearConv channels last", "QLinearConv",
            [codes(u8, 1, 6, 5, 4), scale, zero, weights, scales, numpy.zeros(3, numpy.int8), numpy.float32(9), zero],
            channels_last=1)
    for op in ("QLinearAdd", "QLinearMul"):
        contrib(op, op, [x, scale, zero, codes(u8, 5, 1), scale, u8(10), numpy.float32(0.3), u8(99)])
    contrib("QLinearSigmoid", "QLinearSigmoid", [x, scale, zero, numpy.float32(1 / 255), u8(0)])
    contrib("QLinearLeakyRelu", "QLinearLeakyRelu", [x, scale, zero, scale, u8(40)], alpha=0.2)
    contrib("QLinearSoftmax", "QLinearSoftmax", [x, scale, zero, numpy.float32(1 / 255), u8(0)], axis=-1, opset=13)
    contrib("QLinearConcat", "QLinearConcat", [numpy.float32(0.1), u8(5), x, scale, zero, x, numpy.float32(0.2), u8(1)],
            axis=1)
    for bits in (2, 4, 8):
        table = [codes(u8, 40, 32 * bits // 8), RANDOM.integers(0, 40, (2, 3)), reals(40, 2)]
        attributes = {"bits": bits, "block_size": 16, "quantize_axis": 1, "gather_axis": 0}
        contrib(f"GatherBlockQuantized {bits}", "GatherBlockQuantized", table, **attributes)
        contrib(f"GatherBlockQuantized {bits}, zeros", "GatherBlockQuantized",
                [*table, codes(u8, 40, max(1, 2 * bits // 8))], **attributes)
        blocks = [reals(3, 70), codes(u8, 10, 3, 32 * bits // 8), reals(30)]
        attributes = {"K": 70, "N": 10, "bits": bits, "block_size": 32}
        contrib(f"MatMulNBits {bits}", "MatMulNBits", blocks, **attributes)
        contrib(f"MatMulNBits {bits}, zeros", "MatMulNBits", [*blocks, codes(u8, 10 * ((3 * bits + 7) // 8))], **attributes)
        contrib(f"MatMulNBits {bits}, float zeros, bias", "MatMulNBits", [*blocks, reals(30), "", reals(10)], **attributes)
    contrib("MatMulNBits 4, groups", "MatMulNBits",
            [reals(3, 70), codes(u8, 10, 3, 16), reals(30), "", RANDOM.integers(0, 3, 70).astype(numpy.int32)], K=70, N=10,
            bits=4, block_size=32)
    one = numpy.array([0.01], numpy.float32)
    contrib("DynamicQuantizeLSTM", "DynamicQuantizeLSTM",
            [reals(5, 1, 6), codes(numpy.int8, 1, 6, 16), codes(numpy.int8, 1, 4, 16), reals(1, 32), "", "", "", "",
             one, numpy.zeros(1, numpy.int8), 2 * one, numpy.zeros(1, numpy.int8)], ("y", "h", "c"), hidden_size=4)
    rows = [numpy.abs(reals(2, 16)) / 50 + numpy.float32(0.002), codes(u8, 2, 16)]
    contrib("DynamicQuantizeLSTM bidirectional", "DynamicQuantizeLSTM",
            [reals(5, 1, 6), codes(u8, 2, 6, 16), codes(u8, 2, 4, 16), reals(2, 32), "", reals(2, 1, 4), reals(2, 1, 4),
             reals(2, 12), *rows, *rows], ("y", "h", "c"), hidden_size=4, direction="bidirectional", expected=dynamic_lstms)
    contrib("DynamicQuantizeMatMul", "DynamicQuantizeMatMul",
            [reals(3, 20), codes(numpy.int8, 20, 6), reals(6), codes(numpy.int8, 6), reals(6)])
    contrib("MatMulIntegerToFloat", "MatMulIntegerToFloat",
            [codes(u8, 3, 20), codes(numpy.int8, 20, 6), scale, reals(6), zero, codes(numpy.int8, 6), reals(6)])
    contrib("QGemm", "QGemm", [codes(u8, 3, 20), scale, zero, codes(numpy.int8, 20, 6), reals(6) ** 2, codes(numpy.int8, 6),
                               codes(numpy.int32, 6) // 100000, numpy.float32(3), u8(100)], alpha=1.5)


# Later versions of ONNX's own --------------------------------------------------------------------------------------


def later_cases():
    x, image = reals(2, 6, 5, 4), reals(1, 2, 7, 6)
    integers = codes(numpy.int32, 3, 4)
    case("GroupNormalization", "GroupNormalization", [x, reals(6), reals(6)], num_groups=3, model_opset=21)
    case("GroupNormalization 18", "GroupNormalization", [x, reals(3), reals(3)], num_groups=3, model_opset=18,
         expected=lambda x, s, b: [torch_of(lambda torch, x, s, b: torch.nn.functional.group_norm(
             x, 3, s.repeat_interleave(2), b.repeat_interleave(2)))(x, s, b)[0]])
    case("RMSNormalization", "RMSNormalization", [x, reals(5, 4)], axis=2, epsilon=0.01, expected=lambda x, s: [
        x / numpy.sqrt((x.astype(numpy.float64) ** 2).mean((2, 3), keepdims=True) + 0.01) * s])
    case("Swish", "Swish", [x], alpha=1.3, expected=lambda x: [x / (1 + numpy.exp(-1.3 * x.astype(numpy.float64)))])
    case("Gelu", "Gelu", [x])
    case("Gelu tanh", "Gelu", [x], approximate="tanh")
    case("Mish", "Mish", [x])
    for op, function in (("And", numpy.bitwise_and), ("Or", numpy.bitwise_or), ("Xor", numpy.bitwise_xor)):
        case(f"Bitwise{op}", f"Bitwise{op}", [integers, codes(numpy.int32, 4)],
             expected=lambda a, b, function=function: [function(a, b)])
    case("BitwiseNot", "BitwiseNot", [integers], expected=lambda a: [~a])
    case("BitShift", "BitShift", [codes(numpy.uint8, 9), RANDOM.integers(0, 8, 9).astype(numpy.uint8)],
         direction="LEFT", expected=lambda a, b: [a << b])
    flags = RANDOM.random((3, 4)) < 0.3
    case("ReduceMax of booleans", "ReduceMax", [flags, numpy.array([1])], expected=lambda x, a: [x.max(1, keepdims=True)])
    case("ReduceMin of booleans", "ReduceMin", [flags, numpy.array([0])], keepdims=0, expected=lambda x, a: [x.min(0)])
    case("ReduceSum none", "ReduceSum", [x, numpy.array([], numpy.int64)], noop_with_empty_axes=1)
    case("IsInf", "IsInf", [numpy.array([1, numpy.inf, -numpy.inf], numpy.float16)], detect_negative=0)
    case("Hardmax", "Hardmax", [x], axis=1)
    case("CenterCropPad", "CenterCropPad", [x, numpy.array([4, 7])], axes=[1, 3])
    case("Split", "Split", [reals(7, 3)], ("a", "b", "c"), num_outputs=3)
    case("Trilu", "Trilu", [x, numpy.int64(-1)], upper=0)
    case("TensorScatter", "TensorScatter", [reals(2, 3, 5, 4), reals(2, 3, 2, 4), numpy.array([1, 3])],
         expected=scattered)
    where = numpy.array([[0, 2], [1, 1], [0, 2]])
    for reduction in ("add", "mul", "max", "min"):
        case(f"ScatterND {reduction}", "ScatterND", [reals(3, 4), where, reals(3)], reduction=reduction)
        case(f"ScatterElements {reduction}", "ScatterElements", [reals(3, 4), where, reals(3, 2)], reduction=reduction,
             axis=1)
    image_cases(image)
    quantizer_cases()


def scattered(past, update, indices):
    result = past.copy()
    for b, at in enumerate(indices):
        result[b, :, at:at + update.shape[2]] = update[b]
    return [result]


def image_cases(image):
    sizes, scales = numpy.array([9, 4]), numpy.array([1.7, 0.6], numpy.float32)
    for mode in ("nearest", "linear", "cubic"):
        case(f"Resize {mode}", "Resize", [image, "", scales], mode=mode, axes=[2, 3])
        case(f"Resize {mode} corners", "Resize", [image, "", "", sizes], mode=mode, axes=[2, 3],
             coordinate_transformation_mode="align_corners")
        if mode != "nearest":
            case(f"Resize {mode} antialias", "Resize", [image, "", numpy.array([0.6, 0.5], numpy.float32)], mode=mode,
                 axes=[2, 3], antialias=1)
    for policy in ("not_larger", "not_smaller"):
        case(f"Resize {policy}", "Resize", [image, "", "", sizes], mode="linear", axes=[2, 3],
             keep_aspect_ratio_policy=policy)
    case("Resize symmetric", "Resize", [image, "", scales], mode="linear", axes=[2, 3],
         coordinate_transformation_mode="half_pixel_symmetric")
    for mode in ("wrap", "reflect", "edge", "constant"):
        case(f"Pad {mode}", "Pad", [image, numpy.array([2, 1, 3, 2]), numpy.float32(0.5), numpy.array([3, 2])],
             mode=mode)
    for mode in ("linear", "nearest", "cubic"):
        for padding in ("zeros", "border", "reflection"):
            case(f"GridSample {mode} {padding}", "GridSample", [image, 1.3 * reals(1, 3, 4, 2)], mode=mode,
                 padding_mode=padding)
    case("AffineGrid", "AffineGrid", [reals(2, 2, 3), numpy.array([2, 3, 4, 5])])
    case("AveragePool", "AveragePool", [image], kernel_shape=[2, 3], dilations=[2, 1], ceil_mode=1, strides=[2, 2],
         count_include_pad=1, pads=[1, 1, 0, 1])
    case("MaxPool", "MaxPool", [image], ("y", "i"), kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    case("LpPool", "LpPool", [image], kernel_shape=[3, 2], p=3, strides=[2, 1], dilations=[1, 2])
    boxes = numpy.array([[0, 0, 3, 4], [1, 2, 5, 6.5]], numpy.float32)
    case("RoiAlign", "RoiAlign", [image, boxes, numpy.array([0, 0])], output_height=2, output_width=3, sampling_ratio=2,
         model_opset=16)
    signal = reals(2, 16, 1)
    case("DFT", "DFT", [signal, "", numpy.int64(1)])
    case("DFT inverse", "DFT", [reals(2, 8, 2), "", numpy.int64(1)], inverse=1)
    case("DFT onesided", "DFT", [signal, numpy.int64(20), numpy.int64(1)], onesided=1)
    case("STFT", "STFT", [reals(1, 32), numpy.int64(4), reals(8)])
    for window in ("Hann", "Hamming", "Blackman"):
        case(f"{window}Window", f"{window}Window", [numpy.int64(9)], periodic=0)


def quantizer_cases():
    x, scales = 4 * reals(4, 12), numpy.abs(reals(4, 3)) + numpy.float32(0.02)
    for kind in (numpy.uint8, numpy.int8, numpy.uint16, numpy.int16):
        zeros = (codes(kind, 4, 3) // 8).astype(kind)
        case(f"QuantizeLinear {kind.__name__} blocks", "QuantizeLinear", [x, scales, zeros], axis=1, block_size=4)
        case(f"DequantizeLinear {kind.__name__} blocks", "DequantizeLinear", [codes(kind, 4, 12), scales, zeros], axis=1,
             block_size=4)
    case("QuantizeLinear axis", "QuantizeLinear", [x, scales[:, 0], codes(numpy.int8, 4)], axis=0)
    case("QuantizeLinear type", "QuantizeLinear", [x, scales[0, 0]], output_dtype=onnx.TensorProto.INT16)


later_cases()
fused_cases()
integer_cases()
attention_cases()
contrib_attention_cases()
rotary_cases()
patch_cases()
