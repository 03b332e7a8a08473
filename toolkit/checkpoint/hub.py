"""Fetching a checkpoint from the hub."""

from __future__ import annotations

from pathlib import Path

from pocketzo.runtime.errors import bad_input

from .whole import first_line

HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model"]


def download(hub_id: str) -> Path:
    """The folder of the snapshot of `hub_id`. Raises BadInput if it cannot be fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as e:
        bad_input(hub_id, f"cannot be fetched from the hub ({first_line(e)})", "Check the name, or give a local folder")
