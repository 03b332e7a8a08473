package org.pocketzo.runtime.tokenizers.models;

import java.util.Arrays;
import java.util.PriorityQueue;

/** A word's tokens while pairs are merged: a linked list in arrays and a queue of merges. */
final class Word {
  private static final int GONE = -1;

  private int[] tokens = new int[16];
  private int[] previous;
  private int[] next;
  private int size;

  /** Appends a token, before any merging. */
  void add(int token) {
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * size);
    }
    tokens[size++] = token;
  }

  /** Merges until no pair is left, the lowest rank first and of equal ones the leftmost; returns the tokens. */
  int[] merge(Merges merges) {
    if (size > 1) {
      link();
      run(merges);
    }
    int[] kept = new int[size];
    int count = 0;
    for (int i = 0; i < size; i++) {
      if (tokens[i] != GONE) {
        kept[count++] = tokens[i];
      }
    }
    return Arrays.copyOf(kept, count);
  }

  private void link() {
    previous = new int[size];
    next = new int[size];
    for (int i = 0; i < size; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < size ? i + 1 : GONE;
    }
  }

  private void run(Merges merges) {
    // A queue entry is rank << 32 | position, so that its order is the order of merging.
    PriorityQueue<Long> queue = new PriorityQueue<>(size);
    for (int i = 0; i + 1 < size; i++) {
      offer(queue, merges, i);
    }
    while (!queue.isEmpty()) {
      long top = queue.poll();
      int at = (int) top;
      int merged = merges.result((int) (top >> 32));
      if (tokens[at] == GONE || next[at] == GONE) {
        continue;
      }
      int after = next[at];
      int now = merges.rank(tokens[at], tokens[after]);
      // The pair may have changed since it was queued; what counts is whether the token to be made is the same.
      if (now == Merges.NONE || merges.result(now) != merged) {
        continue;
      }
      tokens[at] = merged;
      tokens[after] = GONE;
      next[at] = next[after];
      if (next[at] != GONE) {
        previous[next[at]] = at;
      }
      if (previous[at] != GONE) {
        offer(queue, merges, previous[at]);
      }
      if (next[at] != GONE) {
        offer(queue, merges, at);
      }
    }
  }

  private void offer(PriorityQueue<Long> queue, Merges merges, int at) {
    int rank = merges.rank(tokens[at], tokens[next[at]]);
    if (rank != Merges.NONE) {
      queue.add((long) rank << 32 | at);
    }
  }
}
