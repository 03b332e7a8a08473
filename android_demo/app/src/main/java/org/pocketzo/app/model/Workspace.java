package org.pocketzo.app.model;

import java.nio.file.Path;

/**
 * Where the app keeps things, all of it in its private storage.
 *
 * @param root the app's own files folder
 * @param key the beginning of the bundle's hash: values belong to one bundle, so each has work of its own
 */
public record Workspace(Path root, String key) {
  /** How folders of bundles begin. */
  static final String BUNDLES = "bundle-";

  /** The bundle, copied out of the app once. */
  public Path bundle() {
    return root.resolve(BUNDLES + key);
  }

  /** What the self-test said on this phone. */
  public Path selfTest() {
    return root.resolve("self-test-" + key + ".json");
  }

  /** The person's examples, a JSON object a line. */
  public Path examples() {
    return root.resolve("examples.jsonl");
  }

  /** What tuning was started with, and what came of it. */
  public Path work() {
    return root.resolve("work-" + key);
  }

  /** The task as it was when tuning started. */
  public Path task() {
    return work().resolve("task.json");
  }

  /** The examples that tuning learns from, as they were when it started. */
  public Path train() {
    return work().resolve("train.jsonl");
  }

  /** The examples that were held back, as they were when tuning started. */
  public Path validation() {
    return work().resolve("validation.jsonl");
  }

  /** How far tuning is to go, and whether it is to go on by itself. */
  public Path order() {
    return work().resolve("order.json");
  }

  /** The folder of the run, as {@code pocketzo tune} writes it. */
  public Path run() {
    return work().resolve("run");
  }
}
