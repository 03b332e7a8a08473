package org.pocketzo.runtime.tokenizers.models;

/** Which pairs of tokens become which token, the earlier first: ranks by hashed pairs in plain arrays. */
final class Merges {
  static final int NONE = -1;

  private final int[] left;
  private final int[] right;
  private final int[] result;
  private final int[] table;
  private int size;

  Merges(int capacity) {
    left = new int[capacity];
    right = new int[capacity];
    result = new int[capacity];
    table = new int[Integer.highestOneBit(Math.max(2, capacity)) * 4];
  }

  /** Adds the pair of the next rank; one that was there before loses its rank. */
  void add(int a, int b, int merged) {
    left[size] = a;
    right[size] = b;
    result[size] = merged;
    table[slot(a, b)] = ++size;
  }

  private int slot(int a, int b) {
    int slot = (a * 0x9E3779B9 ^ b * 0x85EBCA6B) * 0xC2B2AE35 >>> 3;
    for (slot &= table.length - 1; table[slot] != 0; slot = (slot + 1) & (table.length - 1)) {
      int rank = table[slot] - 1;
      if (left[rank] == a && right[rank] == b) {
        break;
      }
    }
    return slot;
  }

  /** The rank of a pair, or NONE. */
  int rank(int a, int b) {
    return table[slot(a, b)] - 1;
  }

  /** The token that the pair of a rank becomes. */
  int result(int rank) {
    return result[rank];
  }
}
