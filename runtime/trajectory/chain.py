"""The chain of a trajectory: each line ends with a hash of itself and of the chain before it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

CHAIN = re.compile(rb',"chain":"([0-9a-f]{32})"\}\Z')
"""how a sealed line ends"""


def sealed(chain: str, content: dict[str, Any]) -> tuple[str, bytes]:
    """The chain after a line with `content`, and the line's bytes."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    after = link(chain, body)
    return after, body[:-1] + f',"chain":"{after}"}}\n'.encode()


def link(chain: str, body: bytes) -> str:
    """The chain after a line of bytes `body`, which are without it."""
    return hashlib.sha256(chain.encode() + body).hexdigest()[:32]
