package org.pocketzo.runtime;

/**
 * All that a step changes: the tuned values and label bias, an EMA of the squared projected gradients, the weight that
 * its start at 0 still has in it (rms_decay^step, for the bias correction), and the steps done.
 */
public record State(Tuned tuned, double meanSquare, double startWeight, int step) {
  /** The state before the first step. */
  public static State initial(Tuned tuned) {
    return new State(tuned, 0, 1, 0);
  }
}
