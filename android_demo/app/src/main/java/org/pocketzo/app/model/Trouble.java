package org.pocketzo.app.model;

import org.pocketzo.app.R;
import org.pocketzo.runtime.errors.DiskFull;
import org.pocketzo.runtime.errors.NotEnoughSpace;
import org.pocketzo.runtime.errors.OldEngine;

/**
 * What went wrong, in words: what it is, what to do about it, and what the program says, for those who want to know.
 *
 * @param title a string resource
 * @param advice a string resource
 */
public record Trouble(int title, int advice, String details) {
  /** For something that failed while {@code title} was to be done. */
  public static Trouble of(Throwable error, int title, int advice) {
    String said = error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
    if (error instanceof DiskFull) {
      return new Trouble(R.string.trouble_disk, R.string.trouble_disk_advice, said);
    }
    if (error instanceof NotEnoughSpace || error instanceof OutOfMemoryError) {
      return new Trouble(R.string.trouble_memory, R.string.trouble_memory_advice, said);
    }
    if (error instanceof OldEngine) {
      return new Trouble(R.string.trouble_engine, R.string.trouble_engine_advice, said);
    }
    return new Trouble(title, advice, said);
  }
}
