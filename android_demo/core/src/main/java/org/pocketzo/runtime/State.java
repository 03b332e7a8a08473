package org.pocketzo.runtime;

/**
 * All that a run changes: what is tuned, the running mean square of g with the weight that its start of 0 still has,
 * and the steps done.
 */
public record State(Tuned tuned, double meanSquare, double startWeight, int step) {
  /** The state before the first step. */
  public static State initial(Tuned tuned) {
    return new State(tuned, 0, 1, 0);
  }
}
