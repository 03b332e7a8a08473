package org.pocketzo.runtime;

/**
 * Inputs of the step graph but for the values: [B,T], [B,S], [B,L] and [W], L a multiple of S.
 *
 * <p>{@code words} are the tokens that compete for a label. {@code answers} [B] says which of an example's labels is
 * right, in a classification, and is null otherwise.
 */
public record Batch(long[][] inputIds, long[][] labelPositions, long[][] labelIds, long[] words, int[] answers) {
  /** Tokens that the engine will compute for one perturbation, padding included (B x T). */
  public long tokens() {
    return (long) inputIds.length * inputIds[0].length;
  }
}
