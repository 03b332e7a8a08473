"""Weights in 4 and 8 bits, and how a checkpoint is stored in them."""
