package org.pocketzo.app.tuning;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;

/**
 * What the person ordered: so many steps, and whether tuning is to go on by itself, after a restart of the phone too.
 *
 * <p>{@code evaluateEvery} are the steps between two looks at the examples held back; {@code done} says that all steps
 * are done and what came of them is looked at and kept.
 */
record Order(int steps, int evaluateEvery, boolean goOn, boolean done) {
  private static final int LOOKS = 5;

  /** An order of {@code steps} that is to be carried out. */
  static Order of(int steps) {
    return new Order(steps, Math.max(1, steps / LOOKS), true, false);
  }

  /** With more or fewer steps. */
  Order withSteps(int more) {
    return new Order(more, evaluateEvery, true, false);
  }

  /** When it is carried out. */
  Order withDone() {
    return new Order(steps, evaluateEvery, goOn, true);
  }

  /** Whether to go on by itself. */
  Order withGoOn(boolean on) {
    return new Order(steps, evaluateEvery, on, done);
  }

  /** The order kept in {@code path}, or null if there is none that can be read. */
  static Order read(Path path) {
    try {
      if (java.nio.file.Files.exists(path)
          && Json.read(path, "order") instanceof Map<?, ?> order
          && order.get("steps") instanceof Long steps
          && order.get("evaluate_every") instanceof Long every
          && order.get("go_on") instanceof Boolean goOn) {
        return new Order(steps.intValue(), every.intValue(), goOn, Boolean.TRUE.equals(order.get("done")));
      }
    } catch (BadInput e) {
      // As if nothing had been ordered: the person can start again, and the trajectory is not touched.
    }
    return null;
  }

  void write(Path path) throws BadInput {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("steps", (long) steps);
    members.put("evaluate_every", (long) evaluateEvery);
    members.put("go_on", goOn);
    members.put("done", done);
    Json.writeFile(path, members);
  }
}
