package org.pocketzo.runtime;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.runtime.errors.UsageError;
import org.pocketzo.runtime.numbers.Floats;

/**
 * The settings of a run: one definition for command line, app and the trajectory's header, with the names that Python
 * has. A change of a setting goes through {@link #with}, which checks its limits.
 *
 * @param steps steps of the loop
 * @param batch examples a step (B)
 * @param lr change of each value per step, for a typical gradient; 0 chooses it by the steps
 * @param eps size of the perturbation; 0 takes the bundle's own
 * @param directions directions a step (Q), averaged
 * @param rmsDecay memory of the running rms of projected gradients
 * @param headExamples training examples for the label head, one pass each before every evaluation; 0: no head
 * @param seed seed of directions and data order
 * @param evaluateEvery steps between evaluations on the validation file, each after a new fit of the label head, if any
 */
public record TuneConfig(
    int steps,
    int batch,
    double lr,
    double eps,
    int directions,
    double rmsDecay,
    int headExamples,
    long seed,
    int evaluateEvery) {
  public static final double LR = 1.5e-3;
  public static final int LR_STEPS = 200;

  private static final int MOST = 1_000_000_000;

  /** The settings of those who chose none. */
  public static TuneConfig defaults() {
    return new TuneConfig(200, 16, 0, 0, 1, 0.99, 4096, 0, 100);
  }

  /** All settings by their names in Python, in order; whole numbers are Long, others Double. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("steps", (long) steps);
    members.put("batch", (long) batch);
    members.put("lr", lr);
    members.put("eps", eps);
    members.put("directions", (long) directions);
    members.put("rms_decay", rmsDecay);
    members.put("head_examples", (long) headExamples);
    members.put("seed", seed);
    members.put("evaluate_every", (long) evaluateEvery);
    return members;
  }

  /** What of the settings decides the result of each step: all but how many there will be. */
  public Map<String, Object> configMembers() {
    Map<String, Object> members = members();
    members.remove("steps");
    return members;
  }

  /**
   * With one setting changed.
   *
   * @param name as in Python: "evaluate_every"
   * @param value Long or BigInteger for whole numbers, any Number for others
   * @throws UsageError when a value lies outside its limits
   * @throws IllegalArgumentException when no setting has that name, or a whole number is none
   */
  public TuneConfig with(String name, Number value) throws UsageError {
    Map<String, Object> members = members();
    Object there = members.get(name);
    boolean whole = value instanceof Long || value instanceof Integer || value instanceof BigInteger;
    if (there == null || there instanceof Long && !whole) {
      throw new IllegalArgumentException(name + " " + value);
    }
    checkOne(name, value, there instanceof Long);
    members.put(name, there instanceof Long ? (Object) value.longValue() : value.doubleValue());
    return of(members);
  }

  /** These settings; throws UsageError when a value lies outside its limits. */
  public TuneConfig checked() throws UsageError {
    for (Map.Entry<String, Object> member : members().entrySet()) {
      checkOne(member.getKey(), (Number) member.getValue(), member.getValue() instanceof Long);
    }
    return this;
  }

  private static TuneConfig of(Map<String, Object> members) {
    return new TuneConfig(
        whole(members, "steps"),
        whole(members, "batch"),
        (Double) members.get("lr"),
        (Double) members.get("eps"),
        whole(members, "directions"),
        (Double) members.get("rms_decay"),
        whole(members, "head_examples"),
        (Long) members.get("seed"),
        whole(members, "evaluate_every"));
  }

  private static int whole(Map<String, Object> members, String name) {
    return Math.toIntExact((Long) members.get(name));
  }

  private static void checkOne(String name, Number value, boolean whole) throws UsageError {
    String shown = whole ? value.toString() : Floats.repr(value.doubleValue());
    String what = "--" + name.replace('_', '-') + " " + shown + ": ";
    if (whole) {
      checkWhole(what, new BigInteger(shown), least(name), most(name));
    } else if (!(value.doubleValue() >= 0) || Double.isInfinite(value.doubleValue())) {
      throw new UsageError(what + "must be a number that is not negative.");
    }
    if (name.equals("lr") && value.doubleValue() > 1) {
      throw new UsageError(
          "--lr " + Floats.general(value.doubleValue()) + ": is the change of a value per step and must be at most 1.");
    }
    if (name.equals("rms_decay") && !(value.doubleValue() < 1)) {
      throw new UsageError(what + "must be less than 1.");
    }
  }

  private static void checkWhole(String what, BigInteger value, long least, long most) throws UsageError {
    if (value.compareTo(BigInteger.valueOf(least)) < 0) {
      throw new UsageError(what + "must be at least " + least + ".");
    }
    if (value.compareTo(BigInteger.valueOf(most)) > 0) {
      String limit = most == Long.MAX_VALUE ? "must be less than 2**63." : "must be at most " + most + ".";
      throw new UsageError(what + limit);
    }
  }

  private static long least(String name) {
    return name.equals("seed") || name.equals("head_examples") ? 0 : 1;
  }

  private static long most(String name) {
    return switch (name) {
      case "batch" -> 1 << 16;
      case "directions" -> 1 << 10;
      case "head_examples" -> 1 << 20;
      case "seed" -> Long.MAX_VALUE;
      default -> MOST;
    };
  }

  /**
   * With what 0 left open: a bundle's {@code bundleEps}, and LR at LR_STEPS steps, falling with the square root of
   * more.
   *
   * <p>The values' random walk grows with lr^2 * steps, which so stays the same (docs/learning.md).
   */
  public TuneConfig resolved(double bundleEps) {
    double chosen = lr != 0 ? lr : LR * Math.min(1.0, Math.sqrt((double) LR_STEPS / steps));
    return new TuneConfig(
        steps, batch, chosen, eps != 0 ? eps : bundleEps, directions, rmsDecay, headExamples, seed, evaluateEvery);
  }
}
