package org.pocketzo.runtime;

/** Whether numbers are neither NaN nor infinite. */
final class Finite {
  private Finite() {}

  static boolean all(double[] numbers) {
    for (double x : numbers) {
      if (Double.isNaN(x) || Double.isInfinite(x)) {
        return false;
      }
    }
    return true;
  }

  static boolean all(float[] numbers) {
    for (float x : numbers) {
      if (Float.isNaN(x) || Float.isInfinite(x)) {
        return false;
      }
    }
    return true;
  }
}
