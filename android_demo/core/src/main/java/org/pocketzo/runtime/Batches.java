package org.pocketzo.runtime;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.pocketzo.runtime.numbers.Sorted;

/**
 * The order in which examples are seen: shuffled, in batches of like length, the same to the bit everywhere.
 *
 * <p>Padding is wasted work, so a pool of {@link #POOL} batches is sorted by length before it is cut; the batches of an
 * epoch are then shuffled again, so that length says nothing about time. Both orders come from Philox (stream 1; row 0
 * orders the examples of an epoch, row 1 its batches).
 */
public final class Batches {
  public static final int POOL = 8;

  /** Padded tokens of an evaluation batch at most. */
  public static final int EVALUATION = 1024;

  private Batches() {}

  /**
   * The batches of one epoch, each [B] of example indices.
   *
   * <p>Every example appears once, but for the remainder of a division by {@code batch}, which is left out so that no
   * step rests on fewer examples; a data set smaller than {@code batch} is one batch.
   */
  public static int[][] epochBatches(int[] lengths, int batch, long seed, int epoch) {
    int size = Math.min(batch, lengths.length);
    int[] order = Directions.permutation(seed, epoch, 0, lengths.length);
    order = Arrays.copyOf(order, order.length - order.length % size);
    int pool = (int) Math.min((long) POOL * size, order.length);
    int[] byLength = new int[order.length];
    for (int start = 0; start < order.length; start += pool) {
      int[] members = Arrays.copyOfRange(order, start, Math.min(start + pool, order.length));
      int[] sorted = Sorted.indices(members.length, (a, b) -> lengths[members[a]] - lengths[members[b]]);
      for (int i = 0; i < sorted.length; i++) {
        byLength[start + i] = members[sorted[i]];
      }
    }
    int[] shuffled = Directions.permutation(seed, epoch, 1, byLength.length / size);
    int[][] batches = new int[shuffled.length][];
    for (int i = 0; i < shuffled.length; i++) {
      batches[i] = Arrays.copyOfRange(byLength, shuffled[i] * size, (shuffled[i] + 1) * size);
    }
    return batches;
  }

  /** Share of padding among the tokens that the first epoch computes. */
  public static double padding(int[] lengths, int batch, long seed) {
    long real = 0;
    long computed = 0;
    for (int[] indices : epochBatches(lengths, batch, seed, 0)) {
      int longest = 0;
      for (int i : indices) {
        real += lengths[i];
        longest = Math.max(longest, lengths[i]);
      }
      computed += (long) indices.length * longest;
    }
    return 1 - (double) real / computed;
  }

  /** The number of tokens of each example. */
  public static int[] lengths(List<Example> examples) {
    int[] lengths = new int[examples.size()];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = examples.get(i).tokens().length;
    }
    return lengths;
  }

  /** Batches without end from that of {@code step} (from 0) on: epoch after epoch, each in an order of its own. */
  public static Iterator<List<Example>> trainingBatches(List<Example> examples, int batch, long seed, int step) {
    int[] lengths = lengths(examples);
    int perEpoch = lengths.length / Math.min(batch, lengths.length);
    return new Iterator<>() {
      private int epoch = step / perEpoch;
      private int within = step % perEpoch;
      private int[][] batches = epochBatches(lengths, batch, seed, epoch);

      @Override
      public boolean hasNext() {
        return true;
      }

      @Override
      public List<Example> next() {
        if (within == batches.length) {
          epoch++;
          within = 0;
          batches = epochBatches(lengths, batch, seed, epoch);
        }
        return chosen(examples, batches[within++]);
      }
    };
  }

  /** The examples of these indices. */
  public static List<Example> chosen(List<Example> examples, int[] indices) {
    List<Example> chosen = new ArrayList<>(indices.length);
    for (int i : indices) {
      chosen.add(examples.get(i));
    }
    return chosen;
  }

  /** Every index once, longest first, in batches of at most {@link #EVALUATION} padded tokens (or one example). */
  public static List<int[]> evaluationBatches(List<Example> examples) {
    int[] lengths = lengths(examples);
    int[] order = Sorted.indices(lengths.length, (a, b) -> lengths[b] - lengths[a]);
    List<int[]> batches = new ArrayList<>();
    for (int start = 0; start < order.length; start += batches.get(batches.size() - 1).length) {
      int size = Math.max(1, EVALUATION / lengths[order[start]]);
      batches.add(Arrays.copyOfRange(order, start, Math.min(start + size, order.length)));
    }
    return batches;
  }
}
