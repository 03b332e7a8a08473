"""Export: the forward-only step graph of a decoder and the bundle that carries it to a device."""
