package org.pocketzo.runtime.numbers;

/** Whether numbers are neither NaN nor infinite. */
public final class Finite {
  private Finite() {}

  public static boolean all(double[] numbers) {
    for (double x : numbers) {
      if (Double.isNaN(x) || Double.isInfinite(x)) {
        return false;
      }
    }
    return true;
  }

  public static boolean all(float[] numbers) {
    for (float x : numbers) {
      if (Float.isNaN(x) || Float.isInfinite(x)) {
        return false;
      }
    }
    return true;
  }
}
