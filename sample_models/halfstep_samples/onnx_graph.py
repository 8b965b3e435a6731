"""How is an ONNX file written that a person can read? A small builder for minimal, well-named graphs.

What was learned is an initializer called `<node>.<what>`; every other constant is a Constant node. So the
elements of the float initializers are the model's parameters.
"""

import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 7


class GraphBuilder:
    """Collects nodes in the order in which they run. Every method that adds a node returns its output's name,
    which is the node's name."""

    def __init__(self, name):
        self.name = name
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []

    def input(self, name, shape, integer=False):
        """Declares a graph input, float32 or int64; `shape` may hold names for dynamic dimensions."""
        kind = TensorProto.INT64 if integer else TensorProto.FLOAT
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def parameter(self, name, values):
        """Adds a learned tensor."""
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def constant(self, name, values):
        """Adds a Constant node that holds a numpy array."""
        tensor = numpy_helper.from_array(values, name)
        self.nodes.append(helper.make_node("Constant", [], [name], name=name, value=tensor))
        return name

    def node(self, operator, name, inputs, output=None, **attributes):
        """Adds a node; `output` is given where the value has a name of its own or is not the first output."""
        outputs = [output or name] if not isinstance(output, list) else output
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))
        return next(value for value in outputs if value)

    def linear(self, name, value, weight, bias, output=None):
        """Gemm on [batch, in] with `weight` [out, in] as torch keeps it."""
        return self.node("Gemm", name, [value, self.parameter(f"{name}.weight", weight),
                                        self.parameter(f"{name}.bias", bias)], output, transB=1)

    def output(self, name, shape):
        """Declares a float32 graph output."""
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def model(self, description, metadata):
        """The finished ModelProto, checked, with `metadata` (str -> str) as metadata_props in order."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers,
                                  doc_string=description)
        model = helper.make_model(graph, producer_name="halfstep sample_models", ir_version=IR_VERSION,
                                  doc_string=description, opset_imports=[helper.make_opsetid("", OPSET)])
        helper.set_model_props(model, metadata)
        check_model(model)
        return model


def check_model(model):
    """Raises if the ONNX checker or strict shape inference finds anything wrong."""
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)


def parameter_count(model):
    """Number of learned values: the elements of the float initializers."""
    return sum(numpy_helper.to_array(tensor).size for tensor in model.graph.initializer
               if tensor.data_type == TensorProto.FLOAT)
