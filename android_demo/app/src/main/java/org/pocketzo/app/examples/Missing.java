package org.pocketzo.app.examples;

import java.util.List;
import java.util.Map;

/** What keeps examples from being tuned on. */
public enum Missing {
  NOTHING,
  EXAMPLES,
  /** All examples have one label. */
  LABELS,
  /** A label has one example, so that none can be held back. */
  SECOND_EXAMPLE;

  private static final int LEAST = 2;

  /** What examples lack, which may be null: not read yet. */
  public static Missing of(Collection examples, boolean classifies) {
    if (examples == null || examples.items().isEmpty()) {
      return EXAMPLES;
    }
    if (!classifies) {
      return examples.items().size() < LEAST ? EXAMPLES : NOTHING;
    }
    Map<String, Integer> counts = Split.counts(examples.items());
    if (counts.size() < LEAST) {
      return LABELS;
    }
    return loneLabel(examples.items()) == null ? NOTHING : SECOND_EXAMPLE;
  }

  /** A label with one example, or null. */
  public static String loneLabel(List<Item> items) {
    for (Map.Entry<String, Integer> count : Split.counts(items).entrySet()) {
      if (count.getValue() < LEAST) {
        return count.getKey();
      }
    }
    return null;
  }
}
