package org.pocketzo.runtime.run;

import java.util.List;
import org.pocketzo.runtime.Batches;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.State;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.trajectory.Evaluation;
import org.pocketzo.runtime.trajectory.Replayed;

/**
 * Fits the label head and evaluates on the validation examples when it is time, and keeps the best of what was tuned,
 * the untuned values included.
 */
final class Checker {
  private final Job job;
  private final List<Example> train;
  private final List<Example> heldOut;
  private final RunFolder folder;
  private final Watcher watcher;
  private final Request request;

  Checker(
      Job job, List<Example> train, List<Example> heldOut, RunFolder folder, Watcher watcher, Request request) {
    this.job = job;
    this.train = train;
    this.heldOut = heldOut;
    this.folder = folder;
    this.watcher = watcher;
    this.request = request;
  }

  /** Does what is due after the steps that are done. */
  void check(Replayed progress, TuneConfig config) throws PocketzoException {
    int step = progress.state().step();
    if (step % config.evaluateEvery() != 0 && step != config.steps()) {
      return;
    }
    if (progress.evaluations().isEmpty()) {
      evaluate(progress);
    }
    if (!job.task().labels().isEmpty() && config.headExamples() > 0 && progress.headStep() != step) {
      fitHead(progress, config);
    }
    if (!progress.stateEvaluated()) {
      evaluate(progress);
    }
  }

  private void fitHead(Replayed progress, TuneConfig config) throws PocketzoException {
    int step = progress.state().step();
    List<Example> chosen = Batches.chosen(train, FitHead.headIndices(config, train.size()));
    watcher.passStarted(Watcher.Pass.LABEL_HEAD, chosen.size());
    float[] values = progress.state().tuned().values();
    LabelHead head = FitHead.fittedHead(job.engine(), job.task(), chosen, values, this::batchDone, this::iterated);
    folder.writer().labelHead(step, head);
    folder.flush();
    progress.fittedHead(head);
    watcher.fittedHead(step, chosen.size());
  }

  private void evaluate(Replayed progress) throws PocketzoException {
    State state = progress.state();
    watcher.passStarted(Watcher.Pass.EVALUATION, heldOut.size());
    Evaluation evaluation = Evaluate.evaluate(job.engine(), job.task(), heldOut, state.tuned(), this::batchDone);
    folder.writer().evaluation(state.step(), evaluation);
    folder.flush();
    if (progress.evaluated(evaluation)) {
      folder.saveValues(RunFolder.BEST, state.tuned(), state.step());
    }
    watcher.evaluated(state.step(), evaluation);
  }

  private void batchDone(int examples, long tokens) throws PocketzoException {
    watcher.batchDone(examples, tokens);
    request.check();
  }

  private void iterated(int done, int all) throws PocketzoException {
    watcher.fittingHead(done, all);
    request.check();
  }
}
