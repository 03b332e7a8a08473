package org.pocketzo.runtime.numbers;

/** A symmetric, positive definite matrix, factored once to solve equations with it. */
public final class Cholesky {
  private final double[][] lower;

  /** Factors the matrix whose lower triangle is {@code triangle} (row i has i + 1 entries), in its place. */
  public Cholesky(double[][] triangle) {
    lower = triangle;
    for (int i = 0; i < lower.length; i++) {
      for (int j = 0; j <= i; j++) {
        double rest = lower[i][j] - dot(lower[i], lower[j], j);
        lower[i][j] = i == j ? Math.sqrt(rest) : rest / lower[j][j];
      }
    }
  }

  private static double dot(double[] x, double[] y, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }

  /** Replaces {@code right} by the x for which matrix times x is {@code right}. */
  public void solve(double[] right) {
    for (int i = 0; i < right.length; i++) {
      right[i] = (right[i] - dot(lower[i], right, i)) / lower[i][i];
    }
    for (int i = right.length - 1; i >= 0; i--) {
      right[i] /= lower[i][i];
      for (int j = 0; j < i; j++) {
        right[j] -= right[i] * lower[i][j];
      }
    }
  }
}
