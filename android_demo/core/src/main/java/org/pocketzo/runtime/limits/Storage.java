package org.pocketzo.runtime.limits;

import java.io.File;
import java.nio.file.Path;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.NotEnoughSpace;

/** The disk that a run will fill, checked before it starts. */
public final class Storage {
  private static final long LINE = 200;
  private static final long NUMBER = 26;

  /** Says how much may still be written below a folder; an app asks its system. */
  public interface Free {
    /** Bytes, or -1 where the system does not say. */
    long bytes(Path folder);
  }

  private Storage() {}

  /** Bytes of a run's folder at most: the trajectory of all its steps, and values files while one replaces another. */
  public static long estimate(Manifest manifest, TuneConfig config, int labels) {
    long head = 4L * labels * (manifest.model().hiddenSize() + 1);
    long lines = config.steps() * (LINE + NUMBER * (config.directions() + labels));
    long evaluations = (config.steps() / config.evaluateEvery() + 2L) * (2 * LINE + 4 * head / 3);
    return lines + evaluations + 3 * (4 * manifest.values().count() + head + LINE + NUMBER * labels);
  }

  /** Bytes that this process may still write below {@code folder}, or -1 where the system does not say. */
  public static long freeBytes(Path folder) {
    for (Path there = folder.toAbsolutePath(); there != null; there = there.getParent()) {
      File file = there.toFile();
      if (file.isDirectory()) {
        long free = file.getUsableSpace();
        return free == 0 && !file.canWrite() ? -1 : free;
      }
    }
    return -1;
  }

  /** Throws NotEnoughSpace if {@code needed} bytes do not fit below {@code folder}. */
  public static void check(Path folder, long needed, Free free) throws NotEnoughSpace {
    long left = free.bytes(folder);
    if (left >= 0 && needed > left) {
      throw new NotEnoughSpace(
          folder + ": a run writes up to " + Memory.megabytes(needed) + " MB, and " + Memory.megabytes(left)
              + " MB are free. Free some space or choose another disk.");
    }
  }
}
