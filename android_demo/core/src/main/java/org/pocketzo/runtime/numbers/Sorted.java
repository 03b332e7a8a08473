package org.pocketzo.runtime.numbers;

import java.util.Arrays;
import java.util.Comparator;

/** Stable orders of indices, as numpy's argsort gives them. */
public final class Sorted {
  private Sorted() {}

  /** The indices 0 to count - 1 in the order of {@code compare}, equals in their own. */
  public static int[] indices(int count, Comparator<Integer> compare) {
    Integer[] order = new Integer[count];
    for (int i = 0; i < count; i++) {
      order[i] = i;
    }
    Arrays.sort(order, compare);
    int[] indices = new int[count];
    for (int i = 0; i < count; i++) {
      indices[i] = order[i];
    }
    return indices;
  }
}
