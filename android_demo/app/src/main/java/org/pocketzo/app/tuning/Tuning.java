package org.pocketzo.app.tuning;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.pocketzo.app.R;
import org.pocketzo.app.examples.Collection;
import org.pocketzo.app.examples.Item;
import org.pocketzo.app.examples.Lines;
import org.pocketzo.app.examples.Split;
import org.pocketzo.app.examples.Wording;
import org.pocketzo.app.model.BundleCopy;
import org.pocketzo.app.model.Model;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.app.model.Workspace;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Examples;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.Interrupted;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.run.Job;
import org.pocketzo.runtime.run.RunFolder;
import org.pocketzo.runtime.run.Tune;
import org.pocketzo.runtime.system.Files;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.tasks.Data;
import org.pocketzo.runtime.tasks.DataRecord;
import org.pocketzo.runtime.tasks.Task;
import org.pocketzo.runtime.tasks.Tasks;
import org.pocketzo.runtime.trajectory.Line;
import org.pocketzo.runtime.trajectory.Reader;

/**
 * The run: ordered by the person, carried out by whoever the system lets work, and found again after anything.
 *
 * <p>What was ordered and the examples of that moment are on the disk, and the trajectory is the run: nothing else is
 * needed to go on.
 */
public final class Tuning {
  private static final int NAMED = 60;

  private final Model model;
  private final Progress progress;
  private volatile boolean running;

  public Tuning(Model model, Runnable changed) {
    this.model = model;
    this.progress = new Progress(changed);
  }

  /** How it stands. */
  public RunState state() {
    return progress.state();
  }

  /** Whether there is unfinished work that is to go on without being asked again. */
  public boolean wanted() {
    Order order = order();
    RunState.Phase phase = progress.phase();
    return order != null && order.goOn() && phase != RunState.Phase.DONE && phase != RunState.Phase.FAILED;
  }

  /** Whether a thread is in {@link #run}. */
  public boolean running() {
    return running;
  }

  /** Does something that must not meet a run, unless there is one; a run begins after it. */
  public synchronized void whileIdle(Runnable work) {
    if (!running) {
      work.run();
    }
  }

  /** Finds what an earlier process left; called once the model's workspace is known. */
  public synchronized void restore() {
    Order order = order();
    if (order == null || running) {
      return;
    }
    readTrajectory(order.steps());
    // The last step is not the end: its evaluation may be missing, and so the values that are best.
    if (order.done()) {
      progress.phase(RunState.Phase.DONE);
    } else {
      progress.phase(order.goOn() ? RunState.Phase.WAITING : RunState.Phase.PAUSED);
    }
  }

  /** Orders a new run on these examples; what an earlier one gave is removed. Does nothing while one is under way. */
  public void order(Collection collection, Wording wording, int steps) throws PocketzoException {
    List<Item> items = collection.items();
    Map<String, Object> task = wording.task(collection.labels(), model.tokenizer());
    // Takes long for many examples, so it keeps nobody else waiting.
    check(items, wording, task);
    replace(Split.of(items, wording.classifies()), wording, task, steps);
  }

  private synchronized void replace(Split split, Wording wording, Map<String, Object> task, int steps)
      throws BadInput {
    if (running) {
      return;
    }
    Workspace workspace = model.workspace();
    discard();
    try {
      java.nio.file.Files.createDirectories(workspace.work());
    } catch (IOException e) {
      throw Files.diskError(workspace.work(), e);
    }
    Json.writeFile(workspace.task(), task);
    write(workspace.train(), Lines.write(split.train(), wording));
    write(workspace.validation(), Lines.write(split.heldBack(), wording));
    Order.of(steps).write(workspace.order());
    progress.clear();
    progress.restore(new ArrayList<>(), new ArrayList<>(), steps);
  }

  /** Throws BadInput, naming the example by how it begins, if one cannot be learnt from. */
  private void check(List<Item> items, Wording wording, Map<String, Object> definition) throws PocketzoException {
    Manifest.Model about = model.bundle().manifest().model();
    Task task = Tasks.make(definition, "task", model.tokenizer(), about);
    for (Item item : items) {
      String text = item.text();
      String begin = text.codePointCount(0, text.length()) <= NAMED
          ? text : text.substring(0, text.offsetByCodePoints(0, NAMED)) + "…";
      DataRecord record = new DataRecord(wording.record(item), "“" + begin + "”");
      Examples.checkFits(task.example(record), about.contextTokens(), about.vocabulary());
    }
  }

  /** Orders {@code more} steps of the run that is there. Does nothing while it is under way. */
  public synchronized void orderMore(int more) throws BadInput {
    Order order = order();
    if (order != null && !running) {
      Order longer = order.withSteps(Math.max(order.steps(), state().step()) + more);
      longer.write(model.workspace().order());
      readTrajectory(longer.steps());
      progress.phase(RunState.Phase.PAUSED);
    }
  }

  /** Whether it is to go on by itself from now on. */
  public synchronized void goOn(boolean on) throws BadInput {
    Order order = order();
    if (order != null) {
      order.withGoOn(on).write(model.workspace().order());
      // It may count as running before its thread is: what is asked to start takes a while.
      if (!on && !running && state().active()) {
        progress.phase(RunState.Phase.PAUSED);
      }
    }
  }

  /** Removes the run and what it gave, so that the model is what it was; nothing may be running. */
  public synchronized void discard() {
    if (model.workspace() != null) {
      BundleCopy.delete(model.workspace().work().toFile());
    }
    progress.clear();
  }

  /** Says that the run waits to be started by the system. */
  public synchronized void waits() {
    if (!running) {
      progress.phase(RunState.Phase.WAITING);
    }
  }

  /** Says why the run waits, or null for that it goes on. */
  public void hold(RunState.Hold reason) {
    progress.hold(reason);
  }

  /**
   * Carries out the order on this thread, until it is done or {@code request} ends it; does nothing if there is none,
   * or another thread does.
   *
   * @param why says, after an end that nobody asked for, which rule ended it, or null
   */
  public void run(Request request, Supplier<RunState.Hold> why) {
    synchronized (this) {
      if (running || !wanted()) {
        return;
      }
      running = true;
    }
    try {
      progress.phase(RunState.Phase.RUNNING);
      tune(request);
      progress.phase(RunState.Phase.DONE);
    } catch (Interrupted e) {
      interrupted(why.get());
    } catch (PocketzoException | RuntimeException | OutOfMemoryError e) {
      progress.failed(Trouble.of(e, R.string.trouble_run, R.string.trouble_run_advice));
    } finally {
      synchronized (this) {
        running = false;
      }
    }
  }

  private synchronized void interrupted(RunState.Hold reason) {
    Order order = order();
    if (order == null || !order.goOn()) {
      progress.phase(RunState.Phase.PAUSED);
    } else if (reason != null) {
      progress.hold(reason);
    } else {
      progress.phase(RunState.Phase.WAITING);
    }
  }

  private void tune(Request request) throws PocketzoException {
    Workspace workspace = model.workspace();
    Order order = order();
    // Before weights are loaded that a rule would not let work.
    request.check();
    Bundle bundle = model.bundle();
    Map<String, Object> definition = Tasks.read(workspace.task());
    Task task = Tasks.make(definition, workspace.task(), model.tokenizer(), bundle.manifest().model());
    Engine engine = model.engine();
    boolean resume = hasRun(workspace.run());
    TuneConfig settings = resume
        ? RunFolder.header(workspace.run()).settings()
        : TuneConfig.defaults().with("evaluate_every", (long) order.evaluateEvery());
    TuneConfig config = settings.with("steps", (long) order.steps());
    Job job = new Job(bundle, engine, task, definition, Data.read(workspace.train()),
        Data.read(workspace.validation()), workspace.run());
    Tune.tune(job, config, new Tune.Start(resume, !resume, false), progress, request);
    synchronized (this) {
      order().withDone().write(workspace.order());
    }
  }

  /** Whether there is a run to go on with: one whose first line is whole. */
  private static boolean hasRun(Path run) {
    try {
      RunFolder.header(run);
      return true;
    } catch (BadInput e) {
      return false;
    }
  }

  private Order order() {
    return model.workspace() == null ? null : Order.read(model.workspace().order());
  }

  /** Losses and evaluations of the trajectory, without replaying it. */
  private void readTrajectory(int steps) {
    List<Double> losses = new ArrayList<>();
    List<RunState.Evaluated> evaluations = new ArrayList<>();
    Path path = model.workspace().run().resolve(RunFolder.TRAJECTORY);
    if (java.nio.file.Files.exists(path)) {
      try (InputStream in = new BufferedInputStream(java.nio.file.Files.newInputStream(path))) {
        Reader reader = new Reader(in, path);
        for (Line line = reader.next(); line != null; line = reader.next()) {
          if (line.isStep()) {
            losses.add(line.loss());
          } else if (line.evaluation() != null) {
            evaluations.add(new RunState.Evaluated(line.step(), line.evaluation()));
          }
        }
      } catch (IOException | BadInput e) {
        // What could be read is shown; going on will say what is wrong.
      }
    }
    progress.restore(losses, evaluations, steps);
  }

  private static void write(Path path, String text) throws BadInput {
    byte[] content = text.getBytes(StandardCharsets.UTF_8);
    Files.writeAtomically(path, out -> out.write(content));
  }
}
