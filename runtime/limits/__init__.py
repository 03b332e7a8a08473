"""What a device or an engine can take: memory, sizes of a pass, the eps that its arithmetic resolves."""
