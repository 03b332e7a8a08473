package org.pocketzo.runtime.run;

import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.errors.DiskFull;
import org.pocketzo.runtime.errors.Interrupted;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.trajectory.Replayed;

/** Saves a run however it ends, and says in the error what was saved. */
final class Ending {
  private final RunFolder folder;
  private final Replayed progress;
  private final TuneConfig config;

  Ending(RunFolder folder, Replayed progress, TuneConfig config) {
    this.folder = folder;
    this.progress = progress;
    this.config = config;
  }

  /** The error to throw in place of {@code e}, which stopped the steps. */
  PocketzoException after(PocketzoException e) throws PocketzoException {
    if (e instanceof Interrupted) {
      folder.save(progress, config);
      return new Interrupted(
          "stopped after step " + progress.state().step() + " of " + config.steps() + "; everything is saved in "
              + folder.path() + ". Go on with --resume.");
    }
    tryToSave();
    if (e instanceof DiskFull) {
      return new DiskFull(
          folder.path() + ": the disk is full. The run stopped after step " + progress.state().step() + ", and "
              + RunFolder.TRAJECTORY + " holds all of it. Free some space and go on with --resume.", e);
    }
    return e;
  }

  /** Saves what can be saved; the error that ended the run says more than one of saving would. */
  void tryToSave() {
    try {
      folder.save(progress, config);
    } catch (PocketzoException e) {
      // The trajectory holds all of it.
    }
  }
}
