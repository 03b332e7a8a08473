"""Which weights are tuned: calibration text, sensitivity, mask."""
