package org.pocketzo.runtime;

/**
 * What tuning changes of a model, and how a forward pass is scored with it: the values [K] and, in a classification,
 * the label bias ([W], else empty) and the label head, null until there is one. The arrays are never written to.
 */
public record Tuned(float[] values, double[] labelBias, LabelHead labelHead) {
  /** The same with {@code head}. */
  public Tuned with(LabelHead head) {
    return new Tuned(values, labelBias, head);
  }

  /**
   * nll [P][B][L] of a pass, in a classification less what the label's score gains by the head or, without one, the
   * bias.
   */
  public double[][][] scored(Forward forward) {
    float[][][] nll = forward.nll();
    double[][][] scored = new double[nll.length][][];
    for (int p = 0; p < nll.length; p++) {
      scored[p] = new double[nll[p].length][];
      for (int b = 0; b < nll[p].length; b++) {
        double[] gained = labelHead == null ? labelBias : labelHead.added(forward.hidden()[p][b][0]);
        scored[p][b] = less(nll[p][b], gained);
      }
    }
    return scored;
  }

  private static double[] less(float[] nll, double[] gained) {
    double[] scored = new double[nll.length];
    for (int i = 0; i < nll.length; i++) {
      scored[i] = gained.length == 0 ? nll[i] : nll[i] - gained[i];
    }
    return scored;
  }
}
