"""The child process of the ExecuTorch engine: the one file of `runtime/` that imports torch, which ExecuTorch's Python
package needs.

    python -m pocketzo.runtime.engines.executorch.program FILE.pte THREADS

Messages come on standard input and go to what standard output was; what ExecuTorch prints goes to standard error. The
first message out describes the graph: for each input and output `inputs.0`, `outputs.0`, ... the element type (a
ScalarType) and the sizes, and `threads`, how many ExecuTorch has. A message in is the graph's inputs, `0`, `1`, ...;
the answer its outputs, likewise. In place of any answer there may be `missing` or `error`, a text as uint8.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from ...system.packages import unusable

METHOD, MORE_WORDS = "forward", "log_sum"


def main() -> None:
    """Load the graph, then answer until standard input ends."""
    # The parent alone decides when to stop: it saves the run first, and its end closes standard input.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, replies = Connection(os.dup(0), writable=False), Connection(os.dup(1), readable=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # A parent that is gone ends the requests, maybe in the middle of one, and takes no more replies.
    with contextlib.suppress(EOFError, OSError):
        _say(replies, _answered(_load, sys.argv[1], int(sys.argv[2])))
        while True:
            content = requests.recv_bytes()
            _end_with_parent(requests, True)
            outputs = _answered(_forward, load(content))
            _end_with_parent(requests, False)
            _say(replies, outputs)


def _answered(work: Any, *arguments: Any) -> dict[str, np.ndarray]:
    try:
        return work(*arguments)
    except ImportError as e:
        kind, text = "missing", unusable(e)
    except Exception as e:  # whatever a damaged file leads to
        kind, text = "error", f"{type(e).__name__}: {e}"
    return {kind: np.frombuffer(text.encode(errors="replace"), dtype=np.uint8)}


_graph: Any = None


def _load(path: str, threads: int) -> dict[str, np.ndarray]:
    global _graph
    import torch  # noqa: F401, I001  its libraries must be there before ExecuTorch's
    from executorch.extension.pybindings import _C as runtime  # portable_lib would import the exporter as well
    import executorch.kernels.quantized  # noqa: F401  registers the embedding kernels

    if threads:
        runtime._unsafe_reset_threadpool(threads)
    # Maps the file. Sizes are read before the method is loaded, which takes the memory.
    _graph = runtime._load_for_executorch(
        os.fsencode(path), program_verification=runtime.Verification.InternalConsistency
    )
    meta = _graph.method_meta(METHOD)
    description = {"threads": np.array([runtime._threadpool_get_thread_count()])}
    for kind, count, tensor in (
        ("inputs", meta.num_inputs(), meta.input_tensor_meta),
        ("outputs", meta.num_outputs(), meta.output_tensor_meta),
    ):
        for i in range(count):
            description[f"{kind}.{i}"] = np.array([tensor(i).dtype(), *tensor(i).sizes()])
    return description


def _forward(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    import torch

    tensors = [torch.from_numpy(inputs[str(i)]) for i in range(len(inputs))]
    labels, words = tensors[2], tensors[3]
    most = _graph.method_meta(METHOD).input_tensor_meta(3).sizes()[0]
    tensors[3] = words[:most]
    # The outputs lie in memory that the next pass writes to: they are copied into the message before that.
    nll, *others = _graph.run_method(METHOD, tensors, clone_outputs=False)
    if len(words) > most:
        # A method of its own sums over words beyond those that the graph takes at once.
        sums = [_graph.run_method(MORE_WORDS, [others[0], part])[0] for part in words.split(most)]
        more = torch.logsumexp(torch.stack(sums), dim=0) - sums[0]
        nll = torch.where(labels < 0, 0.0, nll + more.repeat_interleave(labels.shape[2] // more.shape[2], dim=2))
    return {str(i): output.numpy() for i, output in enumerate([nll, *others])}


def _end_with_parent(requests: Connection, whether: bool) -> None:
    """During a pass nothing is sent, so that a signal from the pipe (SIGIO, which ends a process on Linux) says that
    the parent is gone. Elsewhere the child ends after the pass.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(requests, fcntl.F_GETFL) & ~os.O_ASYNC
    fcntl.fcntl(requests, fcntl.F_SETFL, flags | (os.O_ASYNC if whether else 0))
    if whether and select.select([requests], [], [], 0)[0]:
        sys.exit()


def _say(replies: Connection, tensors: dict[str, np.ndarray]) -> None:
    replies.send_bytes(save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))


if __name__ == "__main__":
    main()
