package org.pocketzo.runtime;

/**
 * The label bias: what is added to the score of each label of a classification, fitted from the outputs alone.
 *
 * <p>A label that is predicted too often or too rarely for every example alike needs no change of the model, only a
 * number added to its score; yet it makes up much of what the projected gradient of a plain loss measures. So the
 * projected gradient is that of the loss after the batch's own label bias was fitted (variable projection: where the
 * fit is best, its own derivative is zero), and a running mean of these fits is the bias of the run.
 *
 * <p>StrictMath gives the same bits on every Java; other languages differ in the last ones of exp and log.
 */
public final class LabelBias {
  /** Weight, in examples, of the squared distance of a batch's fit from the bias of the run, halved. */
  public static final double PRIOR = 1.0;

  /** How far the bias of the run follows the fit of a batch; in the first steps it is the mean of all fits. */
  public static final double RATE = 0.1;

  public static final int ITERATIONS = 64;

  /** Largest bias that a file may hold: beyond it nothing is left of the model's own scores. */
  public static final double LIMIT = 1e6;

  private LabelBias() {}

  /** log p of each label [W] with {@code bias} [W] added to its score, from the nll [W] of every label word. */
  public static double[] logProbabilities(double[] nll, double[] bias) {
    double[] scores = new double[nll.length];
    double best = Double.NEGATIVE_INFINITY;
    for (int w = 0; w < scores.length; w++) {
      scores[w] = bias[w] - nll[w];
      best = Math.max(best, scores[w]);
    }
    double sum = 0;
    for (int w = 0; w < scores.length; w++) {
      scores[w] -= best;
      sum += StrictMath.exp(scores[w]);
    }
    double total = StrictMath.log(sum);
    for (int w = 0; w < scores.length; w++) {
      scores[w] -= total;
    }
    return scores;
  }

  /**
   * The bias [W] that gives the answers [B] the least nll ([B][W]), held near {@code bias} by PRIOR.
   *
   * <p>Gradient steps under an upper bound of the curvature (half an example each; Boehning 1992): no step overshoots.
   */
  public static double[] fit(double[][] nll, int[] answers, double[] bias) {
    double[] fitted = bias;
    for (int i = 0; i < ITERATIONS; i++) {
      double[] residuals = new double[bias.length];
      for (int b = 0; b < answers.length; b++) {
        double[] logP = logProbabilities(nll[b], fitted);
        for (int w = 0; w < bias.length; w++) {
          residuals[w] += StrictMath.exp(logP[w]) - (w == answers[b] ? 1 : 0);
        }
      }
      double[] next = new double[bias.length];
      for (int w = 0; w < bias.length; w++) {
        next[w] = fitted[w] - (residuals[w] + PRIOR * (fitted[w] - bias[w])) / (answers.length / 2.0 + PRIOR);
      }
      fitted = next;
    }
    return fitted;
  }

  /** The bias of the run after a batch's fit, {@code step} steps (from 0) being done before. */
  public static double[] followed(double[] bias, double[] fitted, int step) {
    double[] followed = new double[bias.length];
    for (int w = 0; w < bias.length; w++) {
      followed[w] = bias[w] + Math.max(RATE, 1.0 / (step + 1)) * (fitted[w] - bias[w]);
    }
    return followed;
  }

  /** The loss of each perturbation [P]: the mean over examples of -log p(answer), from nll [P][B][W]. */
  public static double[] losses(float[][][] nll, int[] answers, double[] bias) {
    double[] losses = new double[nll.length];
    for (int p = 0; p < losses.length; p++) {
      double sum = 0;
      for (int b = 0; b < answers.length; b++) {
        sum += logProbabilities(widened(nll[p][b]), bias)[answers[b]];
      }
      losses[p] = -(sum / answers.length);
    }
    return losses;
  }

  /** The mean over the perturbations, [B][W], of nll [P][B][W]. */
  public static double[][] mean(float[][][] nll) {
    double[][] mean = new double[nll[0].length][nll[0][0].length];
    for (int b = 0; b < mean.length; b++) {
      for (int w = 0; w < mean[b].length; w++) {
        for (float[][] perturbation : nll) {
          mean[b][w] += perturbation[b][w];
        }
        mean[b][w] /= nll.length;
      }
    }
    return mean;
  }

  static double[] widened(float[] nll) {
    double[] widened = new double[nll.length];
    for (int i = 0; i < nll.length; i++) {
      widened[i] = nll[i];
    }
    return widened;
  }

  /** Whether {@code value}, read from a file, can be the bias of a label. */
  public static boolean isBias(double value) {
    return Math.abs(value) <= LIMIT;
  }
}
