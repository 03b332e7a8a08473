package org.pocketzo.runtime.limits;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.numbers.Floats;

/** The window of eps in which an artifact's projected gradient can be trusted, from the curve in its manifest. */
public final class EpsWindow {
  /** Largest error, as a share of the derivatives' root mean square, of a projected gradient worth its passes. */
  public static final double TRUSTED = 0.5;

  private EpsWindow() {}

  /**
   * The noise floor, below which rounding makes the error larger than TRUSTED, and the end of the straight range.
   *
   * <p>Between points the error is interpolated (both logarithms); below the smallest it grows as 1 / eps, as rounding
   * does, and beyond the largest nothing is known. Both are the best point's eps if no point can be trusted.
   */
  public static double[] window(List<Manifest.EpsPoint> curve) {
    int best = best(curve);
    if (curve.get(best).error() > TRUSTED) {
      return new double[] {curve.get(best).eps(), curve.get(best).eps()};
    }
    int low = best;
    int high = best;
    int last = curve.size() - 1;
    while (low > 0 && curve.get(low - 1).error() <= TRUSTED) {
      low--;
    }
    while (high < last && curve.get(high + 1).error() <= TRUSTED) {
      high++;
    }
    Manifest.EpsPoint first = curve.get(0);
    double floor =
        low > 0
            ? crossing(curve.get(low), curve.get(low - 1))
            : first.eps() * Math.min(1.0, first.error() / TRUSTED);
    double end = high < last ? crossing(curve.get(high), curve.get(high + 1)) : curve.get(last).eps();
    return new double[] {floor, end};
  }

  private static int best(List<Manifest.EpsPoint> curve) {
    int best = 0;
    for (int i = 1; i < curve.size(); i++) {
      best = curve.get(i).error() < curve.get(best).error() ? i : best;
    }
    return best;
  }

  /** The eps between two points at which the error is TRUSTED. */
  private static double crossing(Manifest.EpsPoint inside, Manifest.EpsPoint outside) {
    double start = Math.log(Math.max(inside.error(), 1e-12));
    double share = (Math.log(TRUSTED) - start) / (Math.log(outside.error()) - start);
    return Math.exp(Math.log(inside.eps()) + share * (Math.log(outside.eps()) - Math.log(inside.eps())));
  }

  /** With two significant digits at most. */
  public static String twoDigits(double eps) {
    return Floats.general(new BigDecimal(eps).round(new MathContext(2, RoundingMode.HALF_EVEN)).doubleValue());
  }

  /** What to tell someone who tunes with {@code eps}, or null if the artifact's curve has nothing against it. */
  public static String warning(Manifest.Estimator estimator, double eps) {
    List<Manifest.EpsPoint> curve = estimator.epsCurve();
    if (curve.isEmpty()) {
      return null;
    }
    double[] window = window(curve);
    double correlation = Double.NEGATIVE_INFINITY;
    for (Manifest.EpsPoint point : curve) {
      correlation = Math.max(correlation, point.correlation());
    }
    String best = String.format(Locale.ROOT, "%.3f", correlation);
    String better =
        "The bundle's own is " + Floats.general(estimator.eps())
            + " (the best correlation that its artifact reaches is " + best + ").";
    if (curve.get(best(curve)).error() > TRUSTED) {
      return "no eps gives this artifact a trustworthy projected gradient: the best correlation is " + best + ".";
    }
    if (eps < window[0]) {
      return "--eps " + Floats.general(eps) + " is under the noise floor of this artifact, " + twoDigits(window[0])
          + ": more than half of a projected gradient is rounding. " + better;
    }
    if (eps > window[1]) {
      return "--eps " + Floats.general(eps) + " is beyond the range in which this artifact's loss is straight, "
          + twoDigits(window[1]) + ": a projected gradient is more than half error. " + better;
    }
    return null;
  }
}
