"""The trajectory: a run as a chain of lines, from which the values can be computed again without the model.

trajectory.jsonl is JSON Lines: a header that binds bundle, data, task and settings, then a line for each step,
evaluation and label head. Each line ends with a member "chain": the first 32 hexadecimal digits of the SHA-256 of the
chain before it (none for the header) followed by the line's bytes without that member. docs/randomness.md states it in
full.
"""
