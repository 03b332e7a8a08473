package org.pocketzo.runtime.numbers;

/**
 * The generator behind everything random: Philox4x64-10 (Salmon, Moraes, Dror and Shaw, 2011), a function of a counter
 * and a key, so that any word of any step can be had without those before it.
 */
public final class Philox {
  private static final long MULTIPLIER_0 = 0xD2E7470EE14C6C93L;
  private static final long MULTIPLIER_1 = 0xCA5A826395121157L;
  private static final long WEYL_0 = 0x9E3779B97F4A7C15L;
  private static final long WEYL_1 = 0xBB67AE8584CAA73BL;
  private static final int ROUNDS = 10;
  private static final long LOW = 0xFFFFFFFFL;

  private Philox() {}

  /** The first {@code count} words, unsigned 64-bit [count], of one row at one step of one stream. */
  public static long[] words(long seed, long stream, long step, long row, int count) {
    long[] words = new long[count];
    long[] block = new long[4];
    for (int i = 0; i < count; i += 4) {
      // Blocks count from 1.
      block(1 + i / 4, row, step, seed, stream, block);
      System.arraycopy(block, 0, words, i, Math.min(4, count - i));
    }
    return words;
  }

  private static void block(long c0, long c1, long c2, long k0, long k1, long[] out) {
    long c3 = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long high0 = multiplyHigh(MULTIPLIER_0, c0);
      long low0 = MULTIPLIER_0 * c0;
      long high1 = multiplyHigh(MULTIPLIER_1, c2);
      long low1 = MULTIPLIER_1 * c2;
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }

  /** The high half of an unsigned 128-bit product; Math.unsignedMultiplyHigh is younger than API level 26. */
  private static long multiplyHigh(long x, long y) {
    long x0 = x & LOW;
    long x1 = x >>> 32;
    long y0 = y & LOW;
    long y1 = y >>> 32;
    long middle = x1 * y0 + (x0 * y0 >>> 32);
    long carried = x0 * y1 + (middle & LOW);
    return x1 * y1 + (middle >>> 32) + (carried >>> 32);
  }
}
