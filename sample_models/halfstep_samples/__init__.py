"""Makes Halfstep's sample models: draws or generates data, trains, writes ONNX, checks."""
