"""The reference zeroth-order loop: numpy, onnxruntime, tokenizers and safetensors, no torch, no transformers.

What this package does, the phone does. Letters used for shapes: B examples, T tokens, S scored positions, L labels,
P perturbations, Q directions (tangents), K values, N words of the vocabulary, W label words of a classification.
"""

__version__ = "0.1.0"
