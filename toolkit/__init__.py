"""From a checkpoint to a bundle, on a host: sensitivity, mask, 4-bit weights; and the command line of everything."""
