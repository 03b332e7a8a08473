"""The reference zeroth-order loop: no torch and no transformers.

What this package does, the phone does. Letters used for shapes: B examples, T tokens, S scored positions, L labels,
P perturbations, Q directions (tangents), K values, N words of the vocabulary, W label words of a classification.
"""

__version__ = "0.1.0"
