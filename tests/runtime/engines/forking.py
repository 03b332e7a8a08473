"""subprocess.Popen for many short children: forks of one process that has torch loaded, which takes milliseconds.

The process reads from its standard input, a socket: three descriptors and the arguments of a child; it answers with the
process id, and with the exit code when the child has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys

from ...conftest import ROOT

LONG = 60
"""seconds that a child may take"""
MEMORY = 4 << 30
"""bytes of addresses that it may take, most of them for torch: a damaged size is not to fill the machine"""
LINE = 1 << 16


class Server:
    """The process; `popen` stands for subprocess.Popen."""

    def __init__(self) -> None:
        self._socket, there = socket.socketpair()
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=there, env={**os.environ, "PYTHONPATH": str(ROOT)})
        there.close()

    def popen(self, command: list[str], stdin: int, stdout: int, stderr: int) -> Forked:
        """A child with arguments as `command` has them after the module, and a new pipe for its standard error."""
        return Forked(self._socket, command[4:], stdin, stdout)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


class Forked:
    """A child; of Popen's members those that the product uses."""

    def __init__(self, connection: socket.socket, arguments: list[str], stdin: int, stdout: int) -> None:
        self._connection, self.returncode = connection, None
        errors, stderr = os.pipe()
        socket.send_fds(connection, [json.dumps(arguments).encode()], [stdin, stdout, stderr])
        os.close(stderr)
        self.stderr = os.fdopen(errors, "rb")
        self.pid = int(connection.recv(LINE))

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal."""
        if self.returncode is None:
            self.returncode = int(self._connection.recv(LINE))
        return self.returncode

    def kill(self) -> None:
        """End it if it has not ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def serve() -> None:
    """Fork for every request until the socket closes."""
    import torch  # noqa: F401
    from executorch.extension.pybindings import _C  # noqa: F401
    from pocketzo.runtime.engines.executorch import program as executorch_child

    connection = socket.socket(fileno=os.dup(0))
    while True:
        content, fds, _, _ = socket.recv_fds(connection, LINE, 3)
        if not content:
            return
        pid = os.fork()
        if not pid:
            connection.close()
            for i, fd in enumerate(fds):
                os.dup2(fd, i)
                os.close(fd)
            signal.alarm(LONG)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            sys.argv = ["", *json.loads(content)]
            executorch_child.main()
            os._exit(0)
        for fd in fds:
            os.close(fd)
        connection.send(str(pid).encode())
        connection.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


if __name__ == "__main__":
    serve()
