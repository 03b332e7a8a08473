package org.pocketzo.runtime;

/**
 * One sequence and what to score in it.
 *
 * <p>The hidden state at {@code positions[s]} scores the next M of {@code targets} (L = S * M): one target each for a
 * completion, and all label words at the one position of a classification, whose right one is {@code targets[answer]}.
 * {@code answer} is -1 where there is none.
 */
public record Example(int[] tokens, int[] positions, int[] targets, String where, int answer) {}
