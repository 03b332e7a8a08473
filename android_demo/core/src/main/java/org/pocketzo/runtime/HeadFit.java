package org.pocketzo.runtime;

import java.util.Arrays;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Cholesky;

/**
 * The fit of a label head: logistic regression by Newton's steps under a constant upper bound of the curvature
 * (Boehning 1992), so that no step overshoots. {@link #PRIOR} holds the weights near 0, where the label words score as
 * the model has them.
 */
public final class HeadFit {
  /** Weight, in examples, of half the squared weights, those of hidden states scaled to unit variance. */
  public static final double PRIOR = 100.0;

  /** The least standard deviation of a hidden state's entry, as a share of the mean one, that is scaled to 1. */
  public static final double LEAST_SCALE = 0.1;

  public static final int ITERATIONS = 100;

  private final double[][] inputs;
  private final float[][] nll;
  private final int[] answers;
  private final double[] mean;
  private final double[] scale;
  private final double[] prior;

  /** Scales hidden [A][H] to inputs [A][H + 1], whose last is 1. */
  private HeadFit(float[][] hidden, float[][] nll, int[] answers) {
    this.nll = nll;
    this.answers = answers;
    mean = mean(hidden);
    scale = scale(hidden, mean);
    prior = new double[mean.length + 1];
    Arrays.fill(prior, PRIOR);
    prior[mean.length] = LabelBias.PRIOR;
    inputs = new double[hidden.length][mean.length + 1];
    for (int n = 0; n < hidden.length; n++) {
      for (int h = 0; h < mean.length; h++) {
        inputs[n][h] = (hidden[n][h] - mean[h]) / scale[h];
      }
      inputs[n][mean.length] = 1;
    }
  }

  /** Told after each iteration; may throw Interrupted to stop. */
  public interface Progress {
    void iterated(int done, int all) throws PocketzoException;
  }

  /** The head that gives the answers [A] the least nll, from hidden [A][H] and the label words' nll [A][W]. */
  public static LabelHead fit(float[][] hidden, float[][] nll, int[] answers, Progress progress)
      throws PocketzoException {
    HeadFit fit = new HeadFit(hidden, nll, answers);
    Cholesky curvature = new Cholesky(fit.curvature());
    double[][] weights = new double[nll[0].length][fit.prior.length];
    for (int i = 0; i < ITERATIONS; i++) {
      double[][] gradient = fit.gradient(weights);
      for (int w = 0; w < weights.length; w++) {
        curvature.solve(gradient[w]);
        for (int k = 0; k < weights[w].length; k++) {
          weights[w][k] -= gradient[w][k];
        }
      }
      progress.iterated(i + 1, ITERATIONS);
    }
    return fit.unscaled(weights);
  }

  private static double[] mean(float[][] hidden) {
    double[] mean = new double[hidden[0].length];
    for (float[] row : hidden) {
      for (int h = 0; h < mean.length; h++) {
        mean[h] += row[h];
      }
    }
    for (int h = 0; h < mean.length; h++) {
      mean[h] /= hidden.length;
    }
    return mean;
  }

  private static double[] scale(float[][] hidden, double[] mean) {
    double[] scale = new double[mean.length];
    for (float[] row : hidden) {
      for (int h = 0; h < mean.length; h++) {
        scale[h] += (row[h] - mean[h]) * (row[h] - mean[h]);
      }
    }
    double sum = 0;
    for (int h = 0; h < mean.length; h++) {
      scale[h] = Math.sqrt(scale[h] / hidden.length);
      sum += scale[h];
    }
    double least = sum == 0 ? 1 : LEAST_SCALE * sum / mean.length;
    for (int h = 0; h < mean.length; h++) {
      scale[h] = Math.max(scale[h], least);
    }
    return scale;
  }

  /** X^T X / 2 + D, its lower triangle. */
  private double[][] curvature() {
    double[][] curvature = new double[prior.length][];
    for (int i = 0; i < prior.length; i++) {
      curvature[i] = new double[i + 1];
    }
    for (double[] row : inputs) {
      for (int i = 0; i < row.length; i++) {
        double x = row[i] / 2;
        double[] into = curvature[i];
        for (int j = 0; j <= i; j++) {
          into[j] += x * row[j];
        }
      }
    }
    for (int i = 0; i < prior.length; i++) {
      curvature[i][i] += prior[i];
    }
    return curvature;
  }

  /** X^T (p - y) + D A, a row of [H + 1] for each label. */
  private double[][] gradient(double[][] weights) {
    double[][] gradient = new double[weights.length][prior.length];
    for (int w = 0; w < weights.length; w++) {
      for (int k = 0; k < prior.length; k++) {
        gradient[w][k] = prior[k] * weights[w][k];
      }
    }
    double[] none = new double[weights.length];
    for (int n = 0; n < inputs.length; n++) {
      double[] scored = LabelBias.widened(nll[n]);
      for (int w = 0; w < weights.length; w++) {
        scored[w] -= dot(inputs[n], weights[w]);
      }
      double[] logP = LabelBias.logProbabilities(scored, none);
      for (int w = 0; w < weights.length; w++) {
        add(gradient[w], StrictMath.exp(logP[w]) - (w == answers[n] ? 1 : 0), inputs[n]);
      }
    }
    return gradient;
  }

  private static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }

  private static void add(double[] sum, double factor, double[] x) {
    for (int i = 0; i < x.length; i++) {
      sum[i] += factor * x[i];
    }
  }

  private LabelHead unscaled(double[][] weights) {
    float[][] head = new float[weights.length][prior.length];
    for (int w = 0; w < weights.length; w++) {
      double bias = weights[w][mean.length];
      for (int h = 0; h < mean.length; h++) {
        double weight = weights[w][h] / scale[h];
        head[w][h] = (float) weight;
        bias -= mean[h] * weight;
      }
      head[w][mean.length] = (float) bias;
    }
    return new LabelHead(head);
  }
}
