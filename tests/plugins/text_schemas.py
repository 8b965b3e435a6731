"""What the targets' readers accept, written from their own schemas: each function checks a parsed document and gives
back the part that says which layer gets what. And Scheme, what a layer gets."""
import dataclasses
import json
import re

KINDS = {"fp32": "float", "fp16": "fp16", "bf16": "bf16"}


@dataclasses.dataclass(frozen=True)
class Scheme:
    token: str
    symmetric: bool = True
    group: int = -1  # -1: per channel; None: per tensor

    @classmethod
    def parse(cls, text):
        token, *parts = text.split(":")
        symmetric = "asym" not in parts and ("sym" in parts or not token.startswith("uint"))
        group = next((int(part[5:]) for part in parts if part.startswith("group")), None if "tensor" in parts else -1)
        return FLOAT if token == "fp32" else cls(token, symmetric, group)

    @property
    def kind(self):
        return KINDS.get(self.token, "int" if re.fullmatch(r"u?int\d+", self.token) else self.token)

    @property
    def bits(self):
        return int(re.search(r"\d+$", self.token).group())

    def same_grid(self, other):
        """uint4 and int4 hold the same values where the zero point is free."""
        return dataclasses.replace(self, token=self.token.lstrip("u")) == dataclasses.replace(
            other, token=other.token.lstrip("u"))


FLOAT = Scheme("fp32")


def load_yaml(text):
    """With PyYAML where it is installed. Without: block mappings and lists of flow values, which is what JSON's superset
    leaves to read once the values themselves are JSON."""
    try:
        import yaml
        return yaml.safe_load(text)
    except ImportError:
        return read_yaml_alone(text)


def read_yaml_alone(text):
    return read_blocks([line for line in text.splitlines() if line.strip() and not line.startswith("#")], 0)[0]


def read_blocks(lines, indent):
    value = [] if lines and lines[0].strip().startswith("- ") else {}
    while lines and len(lines[0]) - len(lines[0].lstrip()) >= indent:
        line = lines[0]
        inner = len(line) - len(line.lstrip())
        body = lines.pop(0).strip()
        if body.startswith("- "):
            value.append(flow(body[2:]))
            continue
        key, _, rest = re.match(r'("(?:[^"\\]|\\.)*"|[^:]+)(:)\s*(.*)', body).groups()
        key = json.loads(key) if key.startswith('"') else key
        if rest:
            value[key] = flow(rest)
        else:
            value[key], lines[:] = read_blocks(lines, inner + (0 if lines and lines[0].strip().startswith("- ") else 1))
    return value, lines


def flow(text):
    whole = json.loads(re.sub(r"([{,]\s*)(-?\d+):", r'\1"\2":', text)) if text[0] in '{["' else text
    return numbers_as_keys(whole) if not isinstance(whole, str) or text[0] == '"' else {"null": None}.get(whole, whole)


def numbers_as_keys(value):
    if isinstance(value, dict):
        return {int(key) if re.fullmatch(r"-?\d+", key) else key: numbers_as_keys(one) for key, one in value.items()}
    return [numbers_as_keys(one) for one in value] if isinstance(value, list) else value


def keys(document, required, optional=()):
    assert isinstance(document, dict), document
    assert set(required) <= set(document) <= set(required) | set(optional), (sorted(document), required, optional)


def integer(value, low, high):
    assert type(value) is int and low <= value <= high, value


def boolean(value):
    assert type(value) is bool, value


def number(value):
    assert type(value) in (int, float) and value == value and abs(value) != float("inf"), value


def one_of(value, *allowed):
    assert value in allowed and type(value) in {type(choice) for choice in allowed}, (value, allowed)


def group_size(value):
    assert type(value) is int and (value == -1 or value > 0), value


def quantizer_args(document):
    keys(document, ("activation_bitwidth", "dtype", "is_symmetric", "param_bitwidth", "per_channel_quantization",
                    "quant_scheme"))
    integer(document["activation_bitwidth"], 2, 32)
    integer(document["param_bitwidth"], 2, 32)
    one_of(document["dtype"], "int", "float")
    boolean(document["is_symmetric"])
    boolean(document["per_channel_quantization"])
    assert re.fullmatch(r"min_max|(post_training_)?(tf|tf_enhanced|percentile)", document["quant_scheme"])


def aimet_061(document):
    keys(document, ("version", "activation_encodings", "param_encodings", "quantizer_args"))
    assert document["version"] == "0.6.1"
    quantizer_args(document["quantizer_args"])
    for section in ("activation_encodings", "param_encodings"):
        for entries in document[section].values():
            assert isinstance(entries, list) and entries
            for entry in entries:
                if entry["dtype"] == "float":
                    assert entry == {"bitwidth": 16, "dtype": "float"}
                    continue
                keys(entry, ("bitwidth", "dtype", "is_symmetric", "min", "max", "offset", "scale"))
                integer(entry["bitwidth"], 2, 32)
                one_of(entry["dtype"], "int")
                one_of(entry["is_symmetric"], "True", "False")
                integer(entry["offset"], -2 ** 32, 0)
                for key in ("min", "max", "scale"):
                    number(entry[key])
                assert entry["scale"] > 0 and entry["min"] <= 0 <= entry["max"]


def aimet_100(document):
    keys(document, ("version", "activation_encodings", "param_encodings", "excluded_layers", "quantizer_args"))
    assert document["version"] == "1.0.0" and document["excluded_layers"] == []
    quantizer_args(document["quantizer_args"])
    for section in ("activation_encodings", "param_encodings"):
        for entry in document[section]:
            one_of(entry["enc_type"], "PER_TENSOR", "PER_CHANNEL", "PER_BLOCK", "LPBQ")
            one_of(entry["dtype"], "INT", "FLOAT")
            if entry["dtype"] == "FLOAT":
                keys(entry, ("name", "enc_type", "dtype", "bw"))
                continue
            keys(entry, ("name", "enc_type", "dtype", "bw", "is_sym", "scale", "offset"),
                 ("block_size",) if entry["enc_type"] == "PER_BLOCK" else ())
            integer(entry["bw"], 2, 32)
            boolean(entry["is_sym"])
            assert len(entry["scale"]) == len(entry["offset"]) and all(scale > 0 for scale in entry["scale"])
            assert all(type(offset) is int and offset <= 0 for offset in entry["offset"])
            assert (len(entry["scale"]) == 1) or entry["enc_type"] != "PER_TENSOR"


def aimet_200(document):
    keys(document, ("version", "encodings"))
    assert document["version"] == "2.0.0"
    for entry in document["encodings"]:
        keys(entry, ("name", "output_dtype", "y_scale"), ("y_zero_point", "axis", "block_size"))
        assert re.fullmatch(r"u?int([2-9]|[12]\d|3[012])|float4e2m1|float8(e4m3fn|e5m2)(uz)?", entry["output_dtype"])
        assert "block_size" not in entry or "axis" in entry
        assert isinstance(entry["y_scale"], list) == ("axis" in entry)


def tensorrt_cache(text):
    head, *lines = text.splitlines()
    assert re.fullmatch(r"TRT-\d{4,6}-(EntropyCalibration2|MinMaxCalibration)", head), head
    ranges = {}
    for line in lines:
        name, digits = re.fullmatch(r"(.*): ([0-9a-f]{8})", line).groups()
        assert name not in ranges
        ranges[name] = digits
    return ranges


def trtexec_precisions(text):
    """layerName:precision[,…], names with ':' or ',' in single quotes."""
    specs = []
    while text:
        match = re.match(r"(?:'([^']*)'|([^':,]*)):(fp32|fp16|bf16|int8|fp8|int32)(?:,|$)", text)
        assert match, text
        name = match[1] if match[1] is not None else match[2]
        assert name and name.count("*") <= 1
        specs.append((name, match[3]))
        text = text[match.end():]
    return specs


RTN = {"dtype", "bits", "use_sym", "group_size", "group_dim", "use_full_range", "use_mse_search", "use_layer_wise",
       "model_path", "use_double_quant", "quant_lm_head", "white_list"}


def inc_rtn(document):
    """RTNConfig ignores keys that it does not know: a misspelt one is an error here."""
    parts = document if set(document) == {"global", "local"} else {"global": document, "local": {}}
    for words in (parts["global"], *parts["local"].values()):
        assert set(words) <= RTN, words
        one_of(words["dtype"], "int", "fp32", "nf4", "fp4", "fp8_e4m3", "fp8_e5m2")
        if words["dtype"] == "int":
            integer(words["bits"], 1, 8)
            group_size(words["group_size"])
            boolean(words["use_sym"])
    for pattern in parts["local"]:
        re.compile(pattern)
    return parts


def inc_2x_static(operators):
    allowed = {"dtype": ("int8", "uint8", "fp32"), "scheme": ("sym", "asym"),
               "granularity": ("per_channel", "per_tensor"), "algorithm": ("minmax", "kl", "percentile")}
    for words in operators.values():
        keys(words, ("weight", "activation"))
        for part in words.values():
            for key, values in part.items():
                assert isinstance(values, list) and set(values) <= set(allowed[key]), (key, values)


QUANTIZER = {"num_bits", "axis", "block_sizes", "type", "unsigned", "narrow_range", "calibrator", "rotate"}


def modelopt_quantizer(words):
    assert set(words) <= QUANTIZER and "num_bits" in words, words
    bits = words["num_bits"]
    assert type(bits) is int and 2 <= bits <= 16 or bits in ([4, 3], [5, 2], [2, 1]), bits
    assert ("axis" in words) != ("block_sizes" in words)
    one_of(words.get("type", "static"), "static", "dynamic")
    for key, value in words.get("block_sizes", {}).items():
        assert type(key) is int or key in ("type", "scale_bits", "scale_block_sizes"), key
        assert type(key) is not int or value > 0


def modelopt_list(document):
    keys(document, ("algorithm", "quant_cfg"))
    assert document["algorithm"] == "max"
    assert document["quant_cfg"][0] == {"quantizer_name": "*", "enable": False}
    for rule in document["quant_cfg"][1:]:
        keys(rule, ("quantizer_name", "cfg"), ("parent_class", "enable"))
        modelopt_quantizer(rule["cfg"])
    return document["quant_cfg"]


def modelopt_dict(document):
    keys(document, ("algorithm", "quant_cfg"))
    assert document["quant_cfg"]["default"] == {"enable": False}
    for pattern, words in document["quant_cfg"].items():
        if pattern != "default":
            modelopt_quantizer(words)
    return document


def quantization_arguments(words):
    keys(words, ("num_bits", "type", "symmetric", "strategy", "dynamic"), ("group_size",))
    integer(words["num_bits"], 2, 8)
    one_of(words["type"], "int", "float")
    boolean(words["symmetric"])
    one_of(words["strategy"], "tensor", "channel", "group", "block", "token", "tensor_group", "attn_head")
    assert words["strategy"] != "token" or words["dynamic"] is True
    assert ("group_size" in words) == (words["strategy"] == "group")


def config_groups(groups, optional):
    for group in groups.values():
        keys(group, ("targets", "weights", "input_activations", "output_activations"), optional)
        assert group["targets"] and all(type(target) is str for target in group["targets"])
        quantization_arguments(group["weights"])
        assert group["weights"]["dynamic"] is False and group["output_activations"] is None
        if group["input_activations"] is not None:
            quantization_arguments(group["input_activations"])


STORED = ("dense", "int-quantized", "float-quantized", "naive-quantized", "pack-quantized", "mixed-precision")


def compressed_tensors(document):
    keys(document, ("quant_method", "format", "quantization_status", "config_groups", "ignore"),
         ("kv_cache_scheme", "global_compression_ratio", "version"))
    assert document["quant_method"] == "compressed-tensors"
    one_of(document["format"], *STORED)
    one_of(document["quantization_status"], "initialized", "calibration", "frozen", "compressed", "decompressed")
    config_groups(document["config_groups"], ("format",))
    for group in document["config_groups"].values():
        one_of(group["format"], *STORED[:-1])
    assert isinstance(document["ignore"], list)
    return document


def llm_compressor(document):
    (stage, modifiers), = document.items()
    assert stage.endswith("_stage")
    (kind, named), = modifiers.items()
    assert kind.endswith("_modifiers")
    (name, modifier), = named.items()
    assert name == "QuantizationModifier"
    keys(modifier, ("ignore", "config_groups"))
    config_groups(modifier["config_groups"], ())
    return modifier


def gptqmodel(document):
    keys(document, ("bits", "group_size", "desc_act", "sym", "quant_method", "checkpoint_format", "pack_dtype", "lm_head",
                    "true_sequential"), ("dynamic", "meta"))
    one_of(document["bits"], 2, 3, 4, 5, 6, 7, 8)
    group_size(document["group_size"])
    for key in ("desc_act", "sym", "lm_head", "true_sequential"):
        boolean(document[key])
    assert (document["quant_method"], document["checkpoint_format"], document["pack_dtype"]) == ("gptq", "gptq", "int32")
    for pattern, words in document.get("dynamic", {}).items():
        re.compile(re.sub(r"^[-+]:", "", pattern))
        keys(words, (), ("bits", "group_size", "sym"))
        assert words or pattern.startswith("-:")
    return document


def awq(document):
    keys(document, ("quant_method", "bits", "group_size", "zero_point", "version", "modules_to_not_convert"))
    assert (document["quant_method"], document["bits"]) == ("awq", 4)
    one_of(document["version"], "gemm", "gemv", "gemv_fast", "marlin", "exllama")
    group_size(document["group_size"])
    boolean(document["zero_point"])
    return document


def awq_native(document):
    keys(document, ("zero_point", "q_group_size", "w_bit", "version", "modules_to_not_convert"))
    assert document["w_bit"] == 4
    one_of(document["version"].lower(), "gemm", "gemv", "gemv_fast", "marlin", "exllama")
    group_size(document["q_group_size"])
    return document


def bitsandbytes(document):
    keys(document, ("quant_method",),
         ("load_in_8bit", "load_in_4bit", "llm_int8_threshold", "llm_int8_skip_modules",
          "llm_int8_enable_fp32_cpu_offload", "llm_int8_has_fp16_weight", "bnb_4bit_compute_dtype", "bnb_4bit_quant_type",
          "bnb_4bit_use_double_quant", "bnb_4bit_quant_storage"))
    assert document["quant_method"] == "bitsandbytes"
    assert not (document["load_in_8bit"] and document["load_in_4bit"])
    assert type(document["llm_int8_threshold"]) is float
    one_of(document["bnb_4bit_quant_type"], "fp4", "nf4")
    return document


TORCHAO = {"Int8WeightOnlyConfig": (2, {"group_size", "granularity", "set_inductor_config"}),
           "IntxWeightOnlyConfig": (2, {"weight_dtype", "granularity", "mapping_type", "scale_dtype"}),
           "Int8DynamicActivationInt8WeightConfig": (2, {"granularity"}),
           "PerRow": (1, {"dim"}), "PerGroup": (1, {"group_size"}), "PerAxis": (1, {"axis"}),
           "FqnToConfig": (1, {"fqn_to_config", "module_fqn_to_config"})}


def torchao_object(document):
    """As config_from_dict reads it: an allow-list of classes, their versions exactly, their fields."""
    if document["_type"] == "torch.dtype":
        assert re.fullmatch(r"int[1-8]", document["_data"])
        return
    if document["_type"] == "MappingType":
        one_of(document["_data"], "SYMMETRIC", "ASYMMETRIC", "SYMMETRIC_NO_CLIPPING_ERR")
        return
    keys(document, ("_type", "_version", "_data"))
    version, fields = TORCHAO[document["_type"]]
    assert document["_version"] == version and set(document["_data"]) <= fields, document
    for value in document["_data"].values():
        if isinstance(value, dict) and "_type" in value:
            torchao_object(value)


def torchao(document):
    keys(document, ("quant_method", "quant_type"), ("modules_to_not_convert", "include_input_output_embeddings"))
    assert document["quant_method"] == "torchao"
    keys(document["quant_type"], ("default",))
    torchao_object(document["quant_type"]["default"])
    maps = document["quant_type"]["default"]["_data"]
    assert maps["fqn_to_config"] == maps["module_fqn_to_config"]
    for words in maps["fqn_to_config"].values():
        if words is not None:
            torchao_object(words)
    return maps["fqn_to_config"]


GGML = set("f32 f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k q4_k q5_k q6_k iq4_nl".split())


def llama_types(text):
    """Tokens name=type separated by white space; names are lower-cased, and then regular expressions."""
    rules = []
    for token in text.split():
        pattern, kind = token.rsplit("=", 1)
        assert kind in GGML, kind
        assert not re.search(r"\\[A-Z]", pattern), pattern  # lower-casing would make it its opposite
        re.compile(pattern)
        rules.append((pattern, kind))
    return rules


def ai_edge(document):
    assert isinstance(document, list)
    for rule in document:
        keys(rule, ("regex", "operation", "algorithm_key", "op_config"))
        re.compile(rule["regex"])
        one_of(rule["operation"], "*", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL",
               "CONV_2D_TRANSPOSE", "EMBEDDING_LOOKUP")
        one_of(rule["algorithm_key"], "min_max_uniform_quantize", "float_casting", "no_quantize")
        config = rule["op_config"]
        keys(config, (), ("weight_tensor_config", "activation_tensor_config", "compute_precision", "explicit_dequantize",
                          "skip_checks", "min_weight_elements"))
        if config:
            one_of(config["compute_precision"], "INTEGER", "FLOAT")
            assert config["explicit_dequantize"] == (config["compute_precision"] == "FLOAT")
            assert "activation_tensor_config" not in config or config["compute_precision"] == "INTEGER"
        for key in ("weight_tensor_config", "activation_tensor_config"):
            if key in config:
                keys(config[key], ("num_bits", "symmetric", "granularity", "dtype"))
                one_of(config[key]["num_bits"], 2, 4, 8, 16)
                one_of(config[key]["dtype"], "INT", "FLOAT")
                assert re.fullmatch(r"TENSORWISE|CHANNELWISE|BLOCKWISE_(32|64|128|256)", config[key]["granularity"])
    return document


def coreml(document):
    keys(document, ("config_type",), ("global_config", "op_type_configs", "op_name_configs"))
    assert document["config_type"] == "OpLinearQuantizerConfig"
    for words in document["op_name_configs"].values():
        if words is None:
            continue
        keys(words, ("mode", "dtype", "granularity"), ("block_size", "weight_threshold"))
        one_of(words["mode"], "linear_symmetric", "linear")
        one_of(words["dtype"], "int8", "uint8", "int4", "uint4")
        one_of(words["granularity"], "per_tensor", "per_channel", "per_block")
        assert ("block_size" in words) == (words["granularity"] == "per_block")
    return document["op_name_configs"]


SCHEMAS = {"aimet-0.6.1": aimet_061, "aimet-1.0.0": aimet_100, "aimet-2.0.0": aimet_200, "tensorrt-cache": tensorrt_cache,
           "trtexec-precisions": trtexec_precisions, "inc-rtn": inc_rtn, "inc-2x-static": inc_2x_static,
           "modelopt-list": modelopt_list, "modelopt-dict": modelopt_dict, "compressed-tensors": compressed_tensors,
           "llm-compressor": llm_compressor, "gptqmodel": gptqmodel, "awq": awq, "awq-native": awq_native,
           "bitsandbytes": bitsandbytes, "torchao": torchao, "llama-types": llama_types, "ai-edge": ai_edge,
           "coreml": coreml}
