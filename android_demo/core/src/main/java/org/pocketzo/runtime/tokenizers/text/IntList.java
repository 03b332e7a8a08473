package org.pocketzo.runtime.tokenizers.text;

import java.util.Arrays;

/** Token ids as they come. */
public final class IntList {
  private int[] items = new int[16];
  private int size;

  public void add(int item) {
    if (size == items.length) {
      items = Arrays.copyOf(items, 2 * size);
    }
    items[size++] = item;
  }

  public void addAll(int[] more) {
    for (int item : more) {
      add(item);
    }
  }

  int size() {
    return size;
  }

  public int[] toArray() {
    return Arrays.copyOf(items, size);
  }

  /** The ids from {@code start} on. */
  int[] tail(int start) {
    return Arrays.copyOfRange(items, start, size);
  }
}
