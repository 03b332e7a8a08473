package org.pocketzo.runtime.trajectory;

import org.pocketzo.runtime.LabelHead;

/**
 * One line of a trajectory after the header: a step, an evaluation, or a label head; what it is not, is null.
 *
 * @param step of a step its number (from 1), else that of the step before
 * @param projectedGradients of a step, [Q]
 * @param loss of a step, nats; else NaN
 * @param labelBias of a step, [W]; empty without labels
 */
public record Line(
    int step,
    double[] projectedGradients,
    double loss,
    double[] labelBias,
    Evaluation evaluation,
    LabelHead labelHead) {
  static final double[] NO_BIAS = {};

  static Line ofStep(int step, double[] projectedGradients, double loss, double[] labelBias) {
    return new Line(step, projectedGradients, loss, labelBias, null, null);
  }

  static Line of(int step, Evaluation evaluation) {
    return new Line(step, null, Double.NaN, NO_BIAS, evaluation, null);
  }

  static Line of(int step, LabelHead labelHead) {
    return new Line(step, null, Double.NaN, NO_BIAS, null, labelHead);
  }

  /** Whether the line is that of a step. */
  public boolean isStep() {
    return projectedGradients != null;
  }
}
