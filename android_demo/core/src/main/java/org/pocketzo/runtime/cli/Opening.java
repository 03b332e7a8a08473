package org.pocketzo.runtime.cli;

import java.nio.file.Path;
import java.util.Map;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;
import org.pocketzo.runtime.tasks.Task;
import org.pocketzo.runtime.tasks.Tasks;
import org.pocketzo.runtime.tokenizers.Tokenizers;

/** A bundle, checked, with the task to tune it for, and the task's definition. */
record Opening(Bundle bundle, Task task, Map<String, Object> definition) {
  /** The bundle with every hash checked, with a bar; throws BadInput as {@code Bundle.open} does. */
  static Bundle checked(Path bundle, boolean quiet) throws PocketzoException {
    try (Bar bar = new Bar(quiet)) {
      return Bundle.open(bundle, true, (done, total) -> bar.draw("checking the bundle", done, total, ""));
    }
  }

  /**
   * The bundle and the task of the file {@code task}, or the bundle's own for null.
   *
   * @throws UsageError if there is no task at all
   */
  static Opening withTask(Path bundle, Path task, boolean quiet) throws PocketzoException {
    Bundle opened = checked(bundle, quiet);
    Map<String, Object> definition = task == null ? opened.manifest().task() : Tasks.read(task);
    if (definition == null) {
      throw new UsageError(bundle + " stores no default task. Give one with --task TASK.json.");
    }
    Object where = task == null ? "the task stored in " + bundle : task;
    Task made = Tasks.make(
        definition, where, Tokenizers.open(opened.directory().resolve(Bundle.TOKENIZER)), opened.manifest().model());
    return new Opening(opened, made, definition);
  }
}
