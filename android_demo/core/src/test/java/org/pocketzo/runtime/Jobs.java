package org.pocketzo.runtime;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.run.Job;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.tasks.Data;
import org.pocketzo.runtime.tasks.Task;
import org.pocketzo.runtime.tasks.Tasks;
import org.pocketzo.runtime.tokenizers.Tokenizers;

/** Runs on the small bundle of the fixtures. */
public final class Jobs {
  /** Nobody who wants to stop a run. */
  public static final Request NOBODY = () -> {};

  private Jobs() {}

  public static Bundle bundle() throws PocketzoException {
    return Bundle.open(Fixtures.path("bundle"));
  }

  /** A run of the fixtures' completions. */
  public static Job complete(Engine engine, Path run) throws PocketzoException {
    return job(engine, run, "complete.json", "complete.jsonl", "complete-held.jsonl");
  }

  /** A run of the fixtures' classification. */
  public static Job classify(Engine engine, Path run) throws PocketzoException {
    return job(engine, run, "task.json", "train.jsonl", "validation.jsonl");
  }

  private static Job job(Engine engine, Path run, String task, String train, String held) throws PocketzoException {
    Path data = Fixtures.path("data");
    return with(engine, run, data.resolve(task), data.resolve(train), data.resolve(held));
  }

  static Job with(Engine engine, Path run, Path taskFile, Path train, Path held) throws PocketzoException {
    Bundle bundle = bundle();
    Map<String, Object> definition = Tasks.read(taskFile);
    Task task = Tasks.make(
        definition, taskFile, Tokenizers.open(bundle.directory().resolve(Bundle.TOKENIZER)),
        bundle.manifest().model());
    return new Job(bundle, engine, task, definition, Data.read(train), Data.read(held), run);
  }

  /** The classification with its training file replaced by these lines. */
  public static Job trainedOn(Engine engine, Path scratch, String... lines) throws Exception {
    Path data = Fixtures.path("data");
    Path train = Files.write(scratch.resolve("train.jsonl"), java.util.Arrays.asList(lines));
    return with(
        engine, scratch.resolve("run"), data.resolve("task.json"), train, data.resolve("validation.jsonl"));
  }
}
