package org.pocketzo.app.examples;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which examples are held back for checking: of each label every fifth, from the second on, so that two examples of a
 * label are one to learn from and one to check with.
 *
 * <p>An example that repeats an earlier text, spaces at its ends aside, goes where that went: what was learnt by heart
 * proves nothing.
 */
public record Split(List<Item> train, List<Item> heldBack, Set<Integer> heldBackAt) {
  private static final int EVERY = 5;

  /** Splits {@code items}; {@code classifies} says whether answers are labels. */
  public static Split of(List<Item> items, boolean classifies) {
    List<Item> train = new ArrayList<>();
    List<Item> heldBack = new ArrayList<>();
    Set<Integer> at = new HashSet<>();
    Map<String, Integer> seen = new HashMap<>();
    Map<String, Boolean> texts = new HashMap<>();
    for (int i = 0; i < items.size(); i++) {
      Item item = items.get(i);
      String text = item.text().trim();
      Boolean held = texts.get(text);
      if (held == null) {
        int number = seen.merge(classifies ? item.answer() : "", 1, Integer::sum);
        held = number % EVERY == 2;
        texts.put(text, held);
      }
      if (held) {
        at.add(i);
      }
      (held ? heldBack : train).add(item);
    }
    return new Split(train, heldBack, at);
  }

  /** How many examples each label has, in the order in which labels first appear. */
  public static Map<String, Integer> counts(List<Item> items) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    for (Item item : items) {
      counts.merge(item.answer(), 1, Integer::sum);
    }
    return counts;
  }
}
