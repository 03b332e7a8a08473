package org.pocketzo.app.tuning;

import java.util.List;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.runtime.trajectory.Evaluation;

/**
 * How tuning stands.
 *
 * @param losses the loss of every step so far, the first of step 1
 * @param evaluations what was found on held-back examples, and after which step
 * @param activity what is going on beside steps
 * @param done share of that activity, 0 to 1
 * @param hold why it waits; null unless the phase is WAITING
 * @param secondsLeft negative if nobody can tell
 * @param trouble null unless the phase is FAILED
 */
public record RunState(
    Phase phase,
    int steps,
    List<Double> losses,
    List<Evaluated> evaluations,
    Activity activity,
    double done,
    Hold hold,
    double secondsLeft,
    Trouble trouble) {
  /** The phases of tuning. */
  public enum Phase {
    NONE,
    RUNNING,
    WAITING,
    PAUSED,
    DONE,
    FAILED
  }

  /** What tuning does. */
  public enum Activity {
    PREPARING,
    STEPPING,
    EVALUATING,
    FITTING
  }

  /** What tuning waits for. */
  public enum Hold {
    HEAT,
    CHARGER,
    BATTERY,
    IDLENESS
  }

  /** An evaluation on held-back examples after a step. */
  public record Evaluated(int step, Evaluation evaluation) {}

  /** Steps done. */
  public int step() {
    return losses.size();
  }

  /** Whether a thread works on it, be it that it waits for the phone to cool down. */
  public boolean active() {
    return phase == Phase.RUNNING || phase == Phase.WAITING;
  }

  /** What the untuned model reached on held-back examples, or null. */
  public Evaluation before() {
    return evaluations.isEmpty() ? null : evaluations.get(0).evaluation();
  }

  /** The best that was reached, or null. */
  public Evaluated best() {
    Evaluated best = null;
    for (Evaluated each : evaluations) {
      if (best == null || each.evaluation().betterThan(best.evaluation())) {
        best = each;
      }
    }
    return best;
  }
}
