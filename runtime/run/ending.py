"""The end of a run, however it comes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..config import TuneConfig
from ..errors import DiskFull, Interrupted, PocketzoError
from ..trajectory.replay import Replayed
from .run_folder import TRAJECTORY, RunFolder


@contextlib.contextmanager
def saved_at_the_end(folder: RunFolder, progress: Replayed, config: TuneConfig) -> Iterator[None]:
    """Save the run as `progress` has it when the body ends, however it ends.

    KeyboardInterrupt becomes Interrupted, and DiskFull says after which step; both tell how to go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        folder.save(progress, config)
        raise Interrupted(
            f"stopped after step {progress.state.step} of {config.steps}; everything is saved in {folder.path}."
            " Go on with --resume."
        ) from None
    except DiskFull as e:
        _try_to_save(folder, progress, config)
        raise DiskFull(
            f"{folder.path}: the disk is full. The run stopped after step {progress.state.step}, and {TRAJECTORY} holds"
            " all of it. Free some space and go on with --resume."
        ) from e
    except BaseException:
        _try_to_save(folder, progress, config)
        raise
    else:
        folder.save(progress, config)


def _try_to_save(folder: RunFolder, progress: Replayed, config: TuneConfig) -> None:
    """Save what can be saved: the error that ended the run says more than one of saving would."""
    with contextlib.suppress(PocketzoError):
        folder.save(progress, config)
