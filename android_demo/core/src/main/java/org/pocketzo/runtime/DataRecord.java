package org.pocketzo.runtime;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;

/** One line of a data file: its fields and where it stands. */
public record DataRecord(Map<String, Object> fields, String where) {
  /** The string under {@code key}; throws BadInput naming file and line if it is absent or not a string. */
  public String text(String key) throws BadInput {
    Object value = fields.get(key);
    if (value instanceof String) {
      return (String) value;
    }
    String problem =
        value == null ? "lacks the key \"" + key + "\"" : "\"" + key + "\" is " + type(value) + ", not a string";
    String keys = fields.isEmpty() ? "none" : String.join(", ", fields.keySet());
    throw new BadInput(
        where + ": " + problem + " (keys here: " + keys + "). Add it or change the task's prompt.");
  }

  /** What a JSON value is, in the words of the command line's messages. */
  static String type(Object value) {
    if (value instanceof Long || value instanceof BigInteger) {
      return "int";
    }
    if (value instanceof Double) {
      return "float";
    }
    if (value instanceof Boolean) {
      return "bool";
    }
    if (value instanceof String) {
      return "str";
    }
    return value == null ? "NoneType" : value instanceof List ? "list" : "dict";
  }
}
