package org.pocketzo.runtime.run;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Batches;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Examples;
import org.pocketzo.runtime.Loop;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;
import org.pocketzo.runtime.limits.EpsWindow;
import org.pocketzo.runtime.limits.Memory;
import org.pocketzo.runtime.limits.Storage;
import org.pocketzo.runtime.numbers.Floats;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.tasks.DataRecord;
import org.pocketzo.runtime.tasks.DataSet;
import org.pocketzo.runtime.tasks.Repeats;
import org.pocketzo.runtime.tasks.Task;
import org.pocketzo.runtime.trajectory.Header;
import org.pocketzo.runtime.trajectory.Reader;
import org.pocketzo.runtime.trajectory.Replayed;

/** A whole run: data and task in, the loop with evaluation beside it, the best step kept, and resumed if need be. */
public final class Tune {
  /**
   * How a run begins: over, or on with one that is there; whether it may replace one; and who says how much memory and
   * storage is free, an app its system.
   */
  public record Start(boolean resume, boolean force, Memory.Available memory, Storage.Free storage) {
    /** In an empty folder. */
    public static final Start ANEW = new Start(false, false, false);

    /** With the run that is there. */
    public static final Start RESUME = new Start(true, false, false);

    /** With what this process can find out, or without asking: {@code ignoreMemory}. */
    public Start(boolean resume, boolean force, boolean ignoreMemory) {
      this(
          resume, force, ignoreMemory ? () -> -1 : Memory::availableBytes,
          ignoreMemory ? folder -> -1 : Storage::freeBytes);
    }
  }

  private final Job job;
  private final TuneConfig config;
  private final Watcher watcher;
  private final Request request;
  private final List<Example> examples;
  private final List<Example> heldOut;
  private final Repeats repeats;
  private final float[] initialValues;

  /**
   * Tunes the bundle's values on {@code job.train()} and writes the run to {@code job.path()}.
   *
   * <p>A run that is resumed goes on to the same bits as if it had never stopped. Zeros in {@code config} take the
   * bundle's eps and the lr that suits the steps.
   *
   * @throws BadInput for a bad record, an example over the context, a loss that is not finite, or a path that holds a
   *     run (or, to resume, none, or another)
   * @throws org.pocketzo.runtime.errors.NotEnoughSpace if memory will not suffice
   * @throws org.pocketzo.runtime.errors.Interrupted on request, all saved
   */
  public static Result tune(Job job, TuneConfig config, Start start, Watcher watcher, Request request)
      throws PocketzoException {
    if (job.train().hash().equals(job.validation().hash())) {
      throw BadInput.of(
          job.validation().path(), "is the training file too, so it cannot choose the best step", "Hold some back");
    }
    RunFolder.check(job.path(), start.resume(), start.force());
    Tune tune = new Tune(job, resolved(job, config, start.resume()), start, watcher, request);
    return tune.run(start.resume());
  }

  private Tune(Job job, TuneConfig config, Start start, Watcher watcher, Request request) throws PocketzoException {
    this.job = job;
    this.config = config;
    this.watcher = watcher;
    this.request = request;
    examples = encoded(job, job.train());
    heldOut = encoded(job, job.validation());
    Manifest manifest = job.bundle().manifest();
    if (config.headExamples() > 0) {
      FitHead.checkHead(job.task(), manifest.model().hiddenSize());
    }
    Memory.check(manifest, examples, config, start.memory());
    long there = job.path().resolve(RunFolder.TRAJECTORY).toFile().length();
    Storage.check(
        job.path(), Storage.estimate(manifest, config, job.task().labels().size()) - there, start.storage());
    initialValues = job.bundle().initialValues();
    checkEps(initialValues, config.eps());
    String warning = EpsWindow.warning(manifest.estimatorOf(job.engine().name()), config.eps());
    if (warning != null) {
      watcher.warned(warning);
    }
    repeats = Repeats.of(examples, heldOut);
    for (String text : repeats.warnings()) {
      watcher.warned(text);
    }
  }

  /** The example of every record; throws BadInput naming file and line of the first bad one. */
  private static List<Example> encoded(Job job, DataSet data) throws PocketzoException {
    Manifest.Model model = job.bundle().manifest().model();
    List<Example> encoded = new ArrayList<>(data.records().size());
    for (DataRecord record : data.records()) {
      encoded.add(Examples.checkFits(job.task().example(record), model.contextTokens(), model.vocabulary()));
    }
    return encoded;
  }

  /** With the engine's eps and the lr of the steps where 0 left them open; a run that goes on keeps its lr. */
  private static TuneConfig resolved(Job job, TuneConfig config, boolean resume) throws PocketzoException {
    TuneConfig open = config;
    if (resume && config.lr() == 0) {
      open = config.with("lr", RunFolder.header(job.path()).settings().lr());
    }
    return open.resolved(job.bundle().manifest().estimatorOf(job.engine().name()).eps());
  }

  private Result run(boolean resume) throws PocketzoException {
    try (RunFolder folder = new RunFolder(job.path())) {
      Replayed progress = open(folder, resume);
      if (resume) {
        resumed(progress.state().step());
      }
      Ending ending = new Ending(folder, progress, config);
      try {
        steps(folder, progress);
      } catch (PocketzoException e) {
        throw ending.after(e);
      } catch (RuntimeException | Error e) {
        ending.tryToSave();
        throw e;
      }
      folder.save(progress, config);
      return result(progress);
    }
  }

  private Replayed open(RunFolder folder, boolean resume) throws PocketzoException {
    Header header = header();
    if (!resume) {
      return folder.begin(header, initialValues);
    }
    Reader reader = folder.reader();
    Same.check(job.path(), reader.header(), header);
    return folder.resume(reader, initialValues, (replayed, line) -> watcher.replayed(replayed.state().step()));
  }

  private Header header() {
    return Header.of(
        job.bundle().hash(),
        initialValues.length,
        job.bundle().manifest().model().hiddenSize(),
        job.train().hash(),
        job.validation().hash(),
        job.definition(),
        job.engine().name(),
        job.engine().version(),
        config);
  }

  private void resumed(int step) {
    watcher.resumed(step);
    double longer = fromSteps(config.steps());
    if (config.lr() <= TuneConfig.LR && config.lr() > longer) {
      watcher.warned(
          "--lr " + Floats.general(config.lr()) + " goes on; a run begun with --steps " + config.steps() + " has "
              + EpsWindow.twoDigits(longer) + ".");
    }
  }

  /** The lr that a run of so many steps begins with. */
  private static double fromSteps(int steps) {
    TuneConfig defaults = TuneConfig.defaults();
    return new TuneConfig(
        steps, defaults.batch(), 0, 0, defaults.directions(), defaults.rmsDecay(), defaults.headExamples(), 0,
        defaults.evaluateEvery())
        .resolved(1)
        .lr();
  }

  private void steps(RunFolder folder, Replayed progress) throws PocketzoException {
    Checker checker = new Checker(job, examples, heldOut, folder, watcher, request);
    int before = progress.state().step();
    Iterator<List<Example>> batches = Batches.trainingBatches(examples, config.batch(), config.seed(), before);
    Task task = job.task();
    checker.check(progress, config);
    while (progress.state().step() < config.steps()) {
      Batch batch = Examples.collate(batches.next(), task.words());
      Loop.Stepped done = Loop.zoStep(job.engine(), batch, progress.state(), config, folder.writer()::step);
      progress.stepped(done.state());
      watcher.stepped(done.step());
      checker.check(progress, config);
      request.check();
    }
  }

  private Result result(Replayed progress) {
    double padding = Batches.padding(Batches.lengths(examples), config.batch(), config.seed());
    return new Result(
        progress.evaluations().get(0).evaluation(), progress.best(), progress.bestStep(), progress.state().step(),
        job.path().resolve(RunFolder.BEST), padding, repeats.records());
  }

  /** Throws UsageError if most values are too large for fp32 to tell them from themselves plus eps. */
  private static void checkEps(float[] values, double eps) throws UsageError {
    int lost = 0;
    for (float value : values) {
      lost += value + (float) eps == value ? 1 : 0;
    }
    if (lost > 0.5 * values.length) {
      throw new UsageError(
          "--eps " + Floats.general(eps) + ": vanishes beside " + Math.round(100.0 * lost / values.length)
              + " % of the values. Use the bundle's own.");
    }
  }
}
