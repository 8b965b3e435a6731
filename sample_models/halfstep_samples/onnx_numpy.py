"""What does an ONNX file compute? A plain numpy evaluation of the operators that the sample models use.

It shares no code with torch and reads only the file, so it can tell whether the file says what was trained.
Written for clarity; every function follows the ONNX operator of its name in opset 13.
"""

import math

import numpy as np
from onnx import helper, numpy_helper

_erf = np.vectorize(math.erf, otypes=[np.float32])


def _sigmoid(value):
    return 1 / (1 + np.exp(-value))


def _softmax(value, axis=-1):
    powers = np.exp(value - value.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _gemm(a, b, c, transB=0):
    return a @ (b.T if transB else b) + c


def _conv(value, weight, kernel_shape, strides, pads, group):
    """value [n, c, h, w], weight [out, c / group, kh, kw] -> [n, out, h', w']."""
    top, left, bottom, right = pads
    padded = np.pad(value, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel_shape, (2, 3))
    windows = windows[:, :, ::strides[0], ::strides[1]]
    inputs, outputs = weight.shape[1], weight.shape[0] // group
    parts = [np.einsum("nchwij,ocij->nohw", windows[:, g * inputs:(g + 1) * inputs],
                       weight[g * outputs:(g + 1) * outputs], optimize=True) for g in range(group)]
    return np.concatenate(parts, 1)


def _batch_normalization(value, scale, shift, mean, variance, epsilon):
    factor = scale / np.sqrt(variance + np.float32(epsilon))
    return value * factor[:, None, None] + (shift - mean * factor)[:, None, None]


def _reshape(value, shape):
    return value.reshape([old if new == 0 else new for old, new in zip(value.shape, shape)] + list(shape[value.ndim:]))


def _lstm(value, weight, recurrent, bias, hidden_size, direction):
    """value [length, n, in] -> (all states [length, 1, n, hidden], last state, last cell [1, n, hidden])."""
    assert direction == b"forward"
    state = cell = np.zeros((value.shape[1], hidden_size), np.float32)
    input_bias, recurrent_bias = np.split(bias[0], 2)
    states = []
    for word in value:
        gates = word @ weight[0].T + state @ recurrent[0].T + input_bias + recurrent_bias
        input_gate, output_gate, forget_gate, candidate = np.split(gates, 4, 1)
        cell = _sigmoid(forget_gate) * cell + _sigmoid(input_gate) * np.tanh(candidate)
        state = _sigmoid(output_gate) * np.tanh(cell)
        states.append(state)
    return np.stack(states)[:, None], state[None], cell[None]


_OPERATORS = {
    "Add": np.add,
    "BatchNormalization": _batch_normalization,
    "Constant": lambda value: numpy_helper.to_array(value),
    "Conv": _conv,
    "Div": np.divide,
    "Erf": _erf,
    "Flatten": lambda value, axis: value.reshape(int(np.prod(value.shape[:axis])), -1),
    "Gather": lambda data, indices, axis=0: np.take(data, indices, axis),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda value: value.mean((2, 3), keepdims=True),
    "LSTM": _lstm,
    "MatMul": np.matmul,
    "Mul": np.multiply,
    "Pow": np.power,
    "ReduceMean": lambda value, axes, keepdims: value.mean(tuple(axes), keepdims=bool(keepdims)),
    "Relu": lambda value: np.maximum(value, 0),
    "Reshape": _reshape,
    "Softmax": _softmax,
    "Sqrt": np.sqrt,
    "Squeeze": lambda value, axes: value.squeeze(tuple(axes)),
    "Sub": np.subtract,
    "Transpose": lambda value, perm: value.transpose(perm),
}


def evaluate(model, inputs):
    """Runs a ModelProto on named numpy arrays and returns its outputs by name."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    values.update(inputs)
    for node in model.graph.node:
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        results = _OPERATORS[node.op_type](*(values[name] for name in node.input), **attributes)
        results = results if isinstance(results, tuple) else (results,)
        values.update({name: result for name, result in zip(node.output, results) if name})
    return {output.name: values[output.name] for output in model.graph.output}
