"""The work folder of an export, and the disk that it needs."""
