"""What is fetched from a hub, and what is said of repositories that cannot be read: a hub of folders on loopback."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse

import numpy as np
import pytest
from safetensors.numpy import save

COMMIT = "0123456789abcdef" * 2 + "01234567"
ERRORS = {"hidden": (403, "GatedRepo"), "private": (401, "RepoNotFound"), "blocked": (403, "")}
"""status and error code that stand for some repositories' names"""
WEIGHTS = save({"x": np.zeros(1, np.float32)})
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}).encode()
CONFIG = b'{"model_type": "llama"}'
FIND = """
import json, sys
from pocketzo.runtime.errors import PocketzoError
from pocketzo.toolkit.checkpoint import find_source
for name in sys.argv[1:]:
    try:
        source = find_source(name)
        print(json.dumps({"name": source.name, "weights": [p.name for p in source.weights]}))
    except PocketzoError as e:
        print(json.dumps({"error": str(e)}))
"""
REPOSITORIES = {
    "some/sharded": {
        "config.json": CONFIG, "merges.txt": b"#version: 0.2", "vocab.json": b"{}", "chat_template.jinja": b"{{ x }}",
        "model.safetensors.index.json": INDEX, SHARDS[0]: WEIGHTS, SHARDS[1]: WEIGHTS, "README.md": b"",
        "consolidated.safetensors": WEIGHTS, "pytorch_model.bin": b"", "onnx/config.json": CONFIG,
        "onnx/model.safetensors": WEIGHTS,
    },
    "some/single": {
        "config.json": CONFIG, "model.safetensors": WEIGHTS, "model.safetensors.index.json": INDEX, SHARDS[0]: WEIGHTS,
    },
    "some/pickles": {"config.json": CONFIG, "pytorch_model.bin": b""},
    "some/gguf": {"params.json": b"{}", "model.Q4_0.gguf": b""},
    "some/adapter": {
        "adapter_config.json": b'{"base_model_name_or_path": "some/base"}', "adapter_model.safetensors": WEIGHTS,
    },
    "some/quantized": {
        "config.json": b'{"model_type": "llama", "quantization_config": {"quant_method": "awq"}}',
        "model.safetensors": WEIGHTS,
    },
    "some/gated": {"config.json": CONFIG}, "some/hidden": {}, "some/private": {}, "some/blocked": {},
}  # fmt: skip


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as its client asks for."""

    protocol_version = "HTTP/1.1"
    fetched: list[str] = []  # noqa: RUF012

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        parts = urllib.parse.unquote(self.path.partition("?")[0]).strip("/").split("/")
        listing = parts[:2] == ["api", "models"]
        owner, name = parts[2:4] if listing else parts[:2]
        files = REPOSITORIES.get(f"{owner}/{name}")
        if name in ERRORS or files is None:
            status, code = ERRORS.get(name, (404, "RepoNotFound"))
            self.answer(status, X_Error_Code=code, X_Error_Message="no")
        elif not listing:
            self.give(name, files, "/".join(parts[4:]))
        elif "tree" in parts:
            tree = [{"type": "file", "path": p, "size": len(c), "oid": COMMIT} for p, c in files.items()]
            self.answer(200, json.dumps(tree).encode(), Content_Type="application/json")
        else:
            about = {"id": f"{owner}/{name}", "sha": COMMIT, "siblings": [{"rfilename": p} for p in files]}
            self.answer(200, json.dumps(about).encode(), Content_Type="application/json")

    do_HEAD = do_GET

    def give(self, name, files, path):
        if name == "gated":  # such a repository shows what it holds, and gives nothing of it
            return self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="no")
        if path not in files:
            return self.answer(404, X_Error_Code="EntryNotFound")
        if self.command == "GET":
            self.fetched.append(f"{name}/{path}")
        etag = hashlib.sha1(files[path] + path.encode()).hexdigest()
        return self.answer(200, files[path], ETag=f'"{etag}"', X_Repo_Commit=COMMIT)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `find_source` makes of each repository, in one process, since the hub's client reads HF_ENDPOINT once."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = tmp_path_factory.mktemp("hub")
    env = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_CACHE": str(cache),
           "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"}  # fmt: skip
    names = [*REPOSITORIES, "some/missing"]
    done = subprocess.run([sys.executable, "-c", FIND, *names], env=env, capture_output=True, text=True, check=True)
    server.shutdown()
    server.server_close()
    assert "No files matched" not in done.stderr
    return dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))


def fetched(name):
    return {path.partition("/")[2] for path in Hub.fetched if path.startswith(f"{name}/")}


def test_of_a_sharded_model_what_the_index_names_is_fetched(found):
    assert found["some/sharded"] == {"name": "some/sharded", "weights": SHARDS}
    small = {"config.json", "merges.txt", "vocab.json", "chat_template.jinja", "model.safetensors.index.json"}
    assert fetched("sharded") == {*SHARDS, *small}


def test_the_single_file_comes_before_an_index(found):
    assert found["some/single"] == {"name": "some/single", "weights": ["model.safetensors"]}
    assert fetched("single") == {"config.json", "model.safetensors", "model.safetensors.index.json"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pickles", ["pytorch_model.bin", "never opened", "convert it"]),
        ("gguf", ["has GGUF files", "hf download some/gguf model.Q4_0.gguf"]),
        ("adapter", ["adapter of some/base", "Merge it into its base first"]),
        ("quantized", ["quantized already", "AWQ"]),
        ("gated", ["is gated", "Accept it on http://127.0.0.1", "/some/gated", "hf auth login"]),
        ("hidden", ["is gated", "/some/hidden", "hf auth login"]),
        ("private", ["no such model", "private", "hf auth login"]),
        ("blocked", ["refuses to give it (403)", "hf auth login"]),
        ("missing", ["no such model", "Check the name"]),
    ],
)
def test_repository_that_cannot_be_read_says_what_to_do(found, name, words):
    for word in words:
        assert word in found[f"some/{name}"]["error"]
    assert not {path for path in fetched(name) if not path.endswith(".json")}
