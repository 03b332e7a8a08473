package org.pocketzo.runtime.tasks;

import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.numbers.Floats;

/** One line of a data file: its fields and where it stands. */
public record DataRecord(Map<String, Object> fields, String where) {
  /** The string under {@code key}; throws BadInput naming file and line if it is absent or not a string. */
  public String text(String key) throws BadInput {
    Object value = fields.get(key);
    if (value instanceof String) {
      return (String) value;
    }
    if (!fields.containsKey(key)) {
      String keys = fields.isEmpty() ? "none" : String.join(", ", fields.keySet());
      throw new BadInput(
          where + ": lacks the key \"" + key + "\" (keys here: " + keys + "). Add it or change the task's prompt.");
    }
    boolean simple = value instanceof Boolean || value instanceof Number;
    String fix = simple ? "Write it in quotes: \"" + written(value) + "\"." : "Write a text, in quotes.";
    throw new BadInput(where + ": \"" + key + "\" is " + named(value) + ", and must be a text. " + fix);
  }

  /** What a JSON value is, in JSON's words. */
  public static String named(Object value) {
    if (value instanceof Boolean) {
      return written(value) + ", a boolean";
    }
    if (value instanceof Number) {
      return "the number " + written(value);
    }
    if (value instanceof String) {
      return "a text";
    }
    return value == null ? "null" : value instanceof List ? "an array" : "an object";
  }

  /** A JSON number, truth value or null as it is written. */
  public static String written(Object value) {
    return value instanceof Double ? Floats.repr((Double) value) : String.valueOf(value);
  }
}
