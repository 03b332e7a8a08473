"""The step graph for ONNX Runtime, written node by node."""
