"""The decoder: what a configuration says of it, and transformers' own modules of it, block by block."""
