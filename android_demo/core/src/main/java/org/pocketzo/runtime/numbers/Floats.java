package org.pocketzo.runtime.numbers;

import com.fasterxml.jackson.core.io.schubfach.DoubleToDecimal;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Numbers as Python writes them, so that files and messages are the same in both languages. */
public final class Floats {
  private static final int LEAST_PLAIN = -4;
  private static final int MOST_PLAIN = 16;

  private Floats() {}

  /** The shortest decimal that reads back the same: 0.001, 1e-05, 1e+16, -0.0, inf, nan. */
  public static String repr(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
      return 1 / value > 0 ? "0.0" : "-0.0";
    }
    BigDecimal shortest = shortest(Math.abs(value));
    String digits = shortest.unscaledValue().toString();
    int exponent = digits.length() - 1 - shortest.scale();
    return (value < 0 ? "-" : "") + formatted(digits, exponent, MOST_PLAIN, ".0");
  }

  /** As Python's format "g": at most six significant digits. */
  public static String general(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value) || value == 0) {
      String text = repr(value);
      return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }
    BigDecimal rounded = new BigDecimal(Math.abs(value)).round(new MathContext(6, RoundingMode.HALF_EVEN));
    rounded = rounded.stripTrailingZeros();
    String digits = rounded.unscaledValue().toString();
    int exponent = digits.length() - 1 - rounded.scale();
    return (value < 0 ? "-" : "") + formatted(digits, exponent, 6, "");
  }

  private static BigDecimal shortest(double value) {
    BigDecimal found = new BigDecimal(DoubleToDecimal.toString(value)).stripTrailingZeros();
    if (found.precision() != 2) {
      return found;
    }
    // Two digits that are nearer are written there where one would do: 4.9E-324 for 5e-324.
    BigDecimal exact = new BigDecimal(value);
    BigDecimal best = found;
    for (RoundingMode mode : new RoundingMode[] {RoundingMode.DOWN, RoundingMode.UP}) {
      BigDecimal one = found.round(new MathContext(1, mode)).stripTrailingZeros();
      boolean nearer = best == found || one.subtract(exact).abs().compareTo(best.subtract(exact).abs()) < 0;
      if (one.doubleValue() == value && nearer) {
        best = one;
      }
    }
    return best;
  }

  /** Digits d.ddd times ten to the {@code exponent}; {@code whole} ends a number without a fraction. */
  private static String formatted(String digits, int exponent, int mostPlain, String whole) {
    if (exponent < LEAST_PLAIN || exponent >= mostPlain) {
      String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
      String sign = exponent < 0 ? "-" : "+";
      String power = Integer.toString(Math.abs(exponent));
      return digits.charAt(0) + fraction + "e" + sign + (power.length() < 2 ? "0" : "") + power;
    }
    if (exponent < 0) {
      return "0." + zeros(-exponent - 1) + digits;
    }
    if (digits.length() <= exponent + 1) {
      return digits + zeros(exponent + 1 - digits.length()) + whole;
    }
    return digits.substring(0, exponent + 1) + "." + digits.substring(exponent + 1);
  }

  private static String zeros(int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append('0');
    }
    return text.toString();
  }
}
