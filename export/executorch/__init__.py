"""The step for ExecuTorch: a torch module in stages, each of which XNNPACK takes whole."""
