"""The host side: checkpoint, sensitivity, mask, 4-bit weights, and the command line around all rooms."""
