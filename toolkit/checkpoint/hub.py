"""Fetching a checkpoint from the hub: its small files first, then only the weights that these call for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pocketzo.runtime.errors import bad_input

from .folder_files import INDEX, SINGLE, check_folder, shards
from .refused import check_no_adapter
from .whole import first_line

SMALL_FILES = ["*.json", "*.jinja", "tokenizer.model", "merges.txt"]
ELSEWHERE = ["*/*"]
"""files in folders of a repository, which are copies for other tools"""
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def download(hub_id: str) -> Path:
    """The folder of the snapshot of `hub_id`, with the files that `weight_files` chooses and no other weights.

    Raises BadInput if it cannot be fetched, or is refused for its small files, before any weights are fetched.
    """
    folder = _fetch(hub_id, SMALL_FILES)
    check_no_adapter(folder)
    if not (folder / "config.json").is_file():
        _refuse(hub_id, folder, "config.json")
    check_folder(folder)
    _fetch(hub_id, [SINGLE, "config.json"], folder.name)  # the client warns of patterns that nothing matches
    if not (folder / SINGLE).is_file():
        if not (folder / INDEX).is_file():
            _refuse(hub_id, folder, "*.safetensors")
        _fetch(hub_id, shards(folder / INDEX), folder.name)
    return folder


def _fetch(hub_id: str, files: Sequence[str], revision: str | None = None) -> Path:
    """The folder of the snapshot, with those of `files` (patterns) that are there. Raises BadInput as `download`."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    login = "run `hf auth login` with an account that may read it"
    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(files), ignore_patterns=ELSEWHERE))
    except GatedRepoError:
        page = f"{constants.ENDPOINT}/{hub_id}"
        bad_input(hub_id, "is gated: its licence must be accepted first", f"Accept it on {page}, then {login}")
    except RepositoryNotFoundError:
        why = "there is no such model on the hub, or it is private"
        bad_input(hub_id, why, f"Check the name, give a local folder, or {login}")
    except Exception as e:  # the client raises errors of several libraries, all of which mean that it is not fetched
        error = e.__cause__ or e
        if isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403):
            why = f"the hub refuses to give it ({error.response.status_code})"
            bad_input(hub_id, why, f"Check the name, give a local folder, or {login}")
        bad_input(hub_id, f"cannot be fetched from the hub ({first_line(e)})", "Check the name, or give a local folder")


def _refuse(hub_id: str, folder: Path, lacking: str) -> NoReturn:
    """Refuse a repository that has no `lacking` for what it has instead."""
    from huggingface_hub import HfApi

    try:
        names = sorted(HfApi().list_repo_files(hub_id, revision=folder.name))
    except Exception:  # without a connection there is no list, and less to say
        names = []
    gguf = next((name for name in names if name.lower().endswith(".gguf")), None)
    pickle = next((name for name in names if name.endswith(PICKLES)), None)
    if gguf:
        why, fix = (
            f"has GGUF files and no {lacking}",
            f"Run `hf download {hub_id} {gguf}` and give the path that it prints",
        )
    elif pickle:
        why = f"has no {lacking}, and pickle files such as {pickle} are never opened"
        fix = "Choose a repository with safetensors, or convert it: https://huggingface.co/spaces/safetensors/convert"
    else:
        why, fix = f"has no {lacking}", "Choose a repository of a whole model for transformers"
    bad_input(hub_id, why, fix)
