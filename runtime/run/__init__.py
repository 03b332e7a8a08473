"""A whole run: data and task in, the loop with evaluation beside it, a folder that can be resumed and audited."""
