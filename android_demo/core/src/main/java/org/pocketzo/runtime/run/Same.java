package org.pocketzo.runtime.run;

import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.numbers.Floats;
import org.pocketzo.runtime.trajectory.Header;

/** Whether a run can go on with what is given now. */
final class Same {
  private Same() {}

  /**
   * Compares what the run in {@code path} began with with what it would go on with.
   *
   * @throws BadInput naming both values, if going on would not continue that run
   */
  static void check(Path path, Header there, Header here) throws BadInput {
    checkEqual(path, "bundle", there.bundle(), here.bundle());
    checkEqual(path, "values", there.values(), here.values());
    checkEqual(path, "hidden_size", there.hiddenSize(), here.hiddenSize());
    checkEqual(path, "train", there.train(), here.train());
    checkEqual(path, "validation", there.validation(), here.validation());
    checkEqual(path, "task", there.task(), here.task());
    // In their order too, which the label bias depends on.
    checkEqual(path, "labels", there.labels(), here.labels());
    checkEqual(path, "engine", there.engine(), here.engine());
    checkEqual(path, "engine_version", there.engineVersion(), here.engineVersion());
    for (Map.Entry<String, Object> setting : here.config().entrySet()) {
      String name = setting.getKey();
      checkEqual(path, "--" + name.replace('_', '-'), there.config().get(name), setting.getValue());
    }
  }

  private static void checkEqual(Path path, String name, Object there, Object here) throws BadInput {
    if (!Objects.equals(there, here)) {
      throw BadInput.of(
          path, "the run was made with " + name + " " + shown(there) + ", and now it is " + shown(here),
          "Resume with what it was made with");
    }
  }

  private static Object shown(Object value) {
    return value instanceof Double ? Floats.repr((Double) value) : value;
  }
}
