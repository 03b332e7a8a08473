"""The quantized weights: their formats, their file, and which of them are tuned."""
