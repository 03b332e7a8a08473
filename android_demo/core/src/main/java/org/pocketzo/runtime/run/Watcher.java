package org.pocketzo.runtime.run;

import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.trajectory.Evaluation;

/**
 * Who is told of a run's progress, on the thread that tunes; a command line or an app draws it, a program may ignore
 * it.
 */
public interface Watcher {
  /** Before the first step, of a setting or data that will probably waste the run. */
  default void warned(String text) {}

  /** Before each replayed line of a run that goes on: the step it belongs to. */
  default void replayed(int step) {}

  /** Once, when a run goes on after {@code step}. */
  default void resumed(int step) {}

  /** After each step, which is on the disk then. */
  default void stepped(Step step) {}

  /** Before a pass over so many examples. */
  default void passStarted(Pass what, int examples) {}

  /** After each batch of such a pass. */
  default void batchDone(int examples, long tokens) {}

  /** After each iteration of the fit that follows the passes for a label head; with wide models it takes minutes. */
  default void fittingHead(int done, int all) {}

  /** After a label head was fitted to so many examples. */
  default void fittedHead(int step, int examples) {}

  /** After an evaluation. */
  default void evaluated(int step, Evaluation evaluation) {}

  /** What a pass over many examples is for. */
  enum Pass {
    EVALUATION,
    LABEL_HEAD
  }
}
