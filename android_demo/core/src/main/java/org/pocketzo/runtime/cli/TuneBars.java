package org.pocketzo.runtime.cli;

import java.util.Locale;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.run.Watcher;
import org.pocketzo.runtime.trajectory.Evaluation;

/** A run on standard error: a bar of what is under way on a terminal, and a line a milestone everywhere. */
final class TuneBars implements Watcher, AutoCloseable {
  private static final double KEEP = 0.9;

  private final int steps;
  private final boolean quiet;
  private final Bar bar;
  private String pass = "";
  private int passed;
  private int examples;
  private String accuracy = "";
  private double loss = Double.NaN;
  private double speed = Double.NaN;
  private long last = System.nanoTime();

  TuneBars(int steps, boolean quiet) {
    this.steps = steps;
    this.quiet = quiet;
    bar = new Bar(quiet);
  }

  private void say(String line) {
    bar.clear();
    if (!quiet) {
      System.err.println(line);
    }
  }

  /** Shown even with --json, since standard error is not part of it. */
  @Override
  public void warned(String text) {
    bar.clear();
    System.err.println("Warning: " + text);
  }

  @Override
  public void replayed(int step) {
    bar.draw("replaying", step, steps, "");
  }

  @Override
  public void resumed(int step) {
    say("resumed after step " + step);
    last = System.nanoTime();
  }

  /** Loss and speed are smoothed over about ten steps. */
  @Override
  public void stepped(Step step) {
    long now = System.nanoTime();
    speed = smoothed(speed, step.tokens() / Math.max((now - last) / 1e9, 1e-9));
    loss = smoothed(loss, step.loss());
    last = now;
    String note = String.format(Locale.ROOT, "loss %.3f  %s%,.0f tokens/s", loss, accuracy, speed);
    bar.draw("step", step.step(), steps, note);
  }

  private static double smoothed(double before, double now) {
    return Double.isNaN(before) ? now : KEEP * before + (1 - KEEP) * now;
  }

  @Override
  public void passStarted(Pass what, int count) {
    pass = what == Pass.EVALUATION ? "evaluating" : "label head";
    passed = 0;
    examples = count;
    bar.draw(pass, 0, examples, "");
  }

  @Override
  public void batchDone(int count, long tokens) {
    passed += count;
    bar.draw(pass, passed, examples, "");
  }

  @Override
  public void fittingHead(int done, int all) {
    bar.draw("fitting the head", done, all, "");
  }

  @Override
  public void fittedHead(int step, int count) {
    say(String.format(Locale.ROOT, "step %5d  label head fitted to %,d examples", step, count));
    last = System.nanoTime();
  }

  @Override
  public void evaluated(int step, Evaluation evaluation) {
    String right = evaluation.accuracy() == null ? "" : "accuracy " + Output.percent(evaluation.accuracy()) + "  ";
    say(String.format(Locale.ROOT, "step %5d  validation loss %.4f  %s", step, evaluation.loss(), right).trim());
    accuracy = right;
    last = System.nanoTime();
  }

  @Override
  public void close() {
    bar.close();
  }
}
