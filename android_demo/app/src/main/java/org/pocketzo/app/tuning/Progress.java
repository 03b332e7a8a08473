package org.pocketzo.app.tuning;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.run.Watcher;
import org.pocketzo.runtime.trajectory.Evaluation;

/** Gathers what a run tells of itself, and gives pictures of it that do not change. */
final class Progress implements Watcher {
  private static final double KEEP = 0.9;
  private static final double NANO = 1e-9;

  private final Runnable changed;
  private final List<Double> losses = new ArrayList<>();
  private final List<RunState.Evaluated> evaluations = new ArrayList<>();
  private RunState.Phase phase = RunState.Phase.NONE;
  private RunState.Activity activity = RunState.Activity.PREPARING;
  private RunState.Hold hold;
  private Trouble trouble;
  private int steps;
  private double done;
  private int passed;
  private int toPass;
  private double secondsAStep = -1;
  private long stepBegan = -1;

  Progress(Runnable changed) {
    this.changed = changed;
  }

  synchronized RunState state() {
    double left = secondsAStep < 0 ? -1 : secondsAStep * Math.max(0, steps - losses.size());
    return new RunState(
        phase,
        steps,
        Collections.unmodifiableList(new ArrayList<>(losses)),
        Collections.unmodifiableList(new ArrayList<>(evaluations)),
        activity,
        done,
        hold,
        left,
        trouble);
  }

  synchronized RunState.Phase phase() {
    return phase;
  }

  /** Forgets everything. */
  void clear() {
    change(() -> {
      losses.clear();
      evaluations.clear();
      phase = RunState.Phase.NONE;
      trouble = null;
      hold = null;
      steps = 0;
      secondsAStep = -1;
    });
  }

  /** What a trajectory holds so far. */
  void restore(List<Double> there, List<RunState.Evaluated> found, int ordered) {
    change(() -> {
      losses.clear();
      losses.addAll(there);
      evaluations.clear();
      evaluations.addAll(found);
      steps = ordered;
      stepBegan = -1;
    });
  }

  void phase(RunState.Phase next) {
    change(() -> {
      phase = next;
      hold = null;
      trouble = null;
      if (next == RunState.Phase.RUNNING) {
        activity = RunState.Activity.PREPARING;
      }
    });
  }

  void failed(Trouble why) {
    change(() -> {
      phase = RunState.Phase.FAILED;
      hold = null;
      trouble = why;
    });
  }

  /** Waits for {@code reason}, or goes on for null. */
  void hold(RunState.Hold reason) {
    change(() -> {
      phase = reason == null ? RunState.Phase.RUNNING : RunState.Phase.WAITING;
      hold = reason;
      stepBegan = -1;
    });
  }

  @Override
  public void resumed(int step) {
    change(() -> activity = RunState.Activity.STEPPING);
  }

  @Override
  public void stepped(Step step) {
    change(() -> {
      while (losses.size() >= step.step()) {
        losses.remove(losses.size() - 1);
      }
      losses.add(step.loss());
      activity = RunState.Activity.STEPPING;
      long now = System.nanoTime();
      if (stepBegan >= 0) {
        double seconds = (now - stepBegan) * NANO;
        secondsAStep = secondsAStep < 0 ? seconds : KEEP * secondsAStep + (1 - KEEP) * seconds;
      }
      stepBegan = now;
    });
  }

  @Override
  public void passStarted(Pass what, int examples) {
    change(() -> {
      activity = what == Pass.EVALUATION ? RunState.Activity.EVALUATING : RunState.Activity.FITTING;
      done = 0;
      passed = 0;
      toPass = examples;
    });
  }

  @Override
  public void batchDone(int examples, long tokens) {
    change(() -> {
      passed += examples;
      done = toPass == 0 ? 1 : (double) passed / toPass;
      stepBegan = -1;
    });
  }

  @Override
  public void fittingHead(int part, int all) {
    change(() -> done = all == 0 ? 1 : (double) part / all);
  }

  @Override
  public void evaluated(int step, Evaluation evaluation) {
    change(() -> {
      evaluations.add(new RunState.Evaluated(step, evaluation));
      activity = RunState.Activity.STEPPING;
      stepBegan = -1;
    });
  }

  private void change(Runnable how) {
    synchronized (this) {
      how.run();
    }
    changed.run();
  }
}
