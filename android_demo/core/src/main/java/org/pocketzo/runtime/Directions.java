package org.pocketzo.runtime;

import org.pocketzo.runtime.numbers.Philox;
import org.pocketzo.runtime.numbers.Sorted;

/**
 * Directions: +1/-1 (Rademacher) from the counter-based generator Philox4x64-10.
 *
 * <p>Integer arithmetic only, so every language gives the same bits. Value i of row q takes bit i % 64 (from the
 * lowest) of word i / 64 of that row: a set bit is +1, a clear bit -1.
 */
public final class Directions {
  public static final int STREAM_DIRECTIONS = 0;
  public static final int STREAM_ORDER = 1;

  private Directions() {}

  /** The directions z of one step, [Q][K] of +1 and -1 (Q = rows, K = count). */
  public static float[][] directions(long seed, int step, int rows, int count) {
    float[][] z = new float[rows][count];
    for (int row = 0; row < rows; row++) {
      long[] words = Philox.words(seed, STREAM_DIRECTIONS, step, row, (count + 63) / 64);
      for (int i = 0; i < count; i++) {
        z[row][i] = (words[i / 64] >>> (i % 64) & 1) == 1 ? 1 : -1;
      }
    }
    return z;
  }

  /** A random order of {@code count} things, [count]: indices sorted by their unsigned Philox word, ties by index. */
  public static int[] permutation(long seed, int epoch, int row, int count) {
    long[] words = Philox.words(seed, STREAM_ORDER, epoch, row, count);
    return Sorted.indices(count, (a, b) -> Long.compareUnsigned(words[a], words[b]));
  }
}
