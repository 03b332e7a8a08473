package org.pocketzo.runtime.trajectory;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.State;
import org.pocketzo.runtime.Tuned;

/**
 * What a trajectory says: its header, the state after its last whole line, evaluations, and the best of what was
 * tuned.
 */
public final class Replayed {
  /** An evaluation and the number of steps before it. */
  public record Evaluated(int step, Evaluation evaluation) {}

  private final Header header;
  private final List<Evaluated> evaluations = new ArrayList<>();
  private State state;
  private Evaluation best;
  private int bestStep;
  private Tuned bestTuned;
  private boolean stateEvaluated;
  private int headStep = -1;

  Replayed(Header header, State state) {
    this.header = header;
    this.state = state;
  }

  public Header header() {
    return header;
  }

  public State state() {
    return state;
  }

  public List<Evaluated> evaluations() {
    return Collections.unmodifiableList(evaluations);
  }

  /** The best evaluation, or null before the first. */
  public Evaluation best() {
    return best;
  }

  /** The steps before the best evaluation. */
  public int bestStep() {
    return bestStep;
  }

  /** What was tuned when the evaluation was best, or null before the first. */
  public Tuned bestTuned() {
    return bestTuned;
  }

  /** Whether the present state was evaluated. */
  public boolean stateEvaluated() {
    return stateEvaluated;
  }

  /** After which step the label head was fitted, -1 without one. */
  public int headStep() {
    return headStep;
  }

  /** Goes on with the state after another step. */
  public void stepped(State next) {
    state = next;
    stateEvaluated = false;
  }

  /** Adds an evaluation of the present state; true if it is the best so far, whose values are then kept. */
  public boolean evaluated(Evaluation evaluation) {
    evaluations.add(new Evaluated(state.step(), evaluation));
    stateEvaluated = true;
    if (best != null && !evaluation.betterThan(best)) {
      return false;
    }
    best = evaluation;
    bestStep = state.step();
    bestTuned = state.tuned();
    return true;
  }

  /** Scores with {@code head} from here on. */
  public void fittedHead(LabelHead head) {
    state = new State(state.tuned().with(head), state.meanSquare(), state.startWeight(), state.step());
    headStep = state.step();
    stateEvaluated = false;
  }
}
