package org.pocketzo.runtime.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;
import org.pocketzo.runtime.run.Job;
import org.pocketzo.runtime.run.Result;
import org.pocketzo.runtime.run.RunFolder;
import org.pocketzo.runtime.run.Tune;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.tasks.Data;
import org.pocketzo.runtime.tasks.DataSet;
import org.pocketzo.runtime.trajectory.Evaluation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** tune: the zeroth-order loop. */
@Command(
    name = "tune",
    description = "Tune the bundle's values on your examples by forward passes alone, keeping the best step.",
    mixinStandardHelpOptions = true)
final class TuneCommand implements Callable<Integer> {
  @Parameters(paramLabel = "BUNDLE", description = "Bundle folder.")
  private Path bundle;

  @Option(names = "--train", required = true, description = "JSON Lines file of examples to learn from.")
  private Path train;

  @Option(names = "--validation", required = true, description = "JSON Lines file to choose the best step on.")
  private Path validation;

  @Option(names = "--run", required = true, description = "Folder for the trajectory, the values and the metrics.")
  private Path run;

  @Option(names = "--task", description = "Task file (default: the bundle's own).")
  private Path task;

  @Mixin private Settings settings;

  @Option(
      names = "--engine", defaultValue = Engines.DEFAULT,
      description = "Engine to run the graph on: " + Engines.DEFAULT + ".")
  private String engine;

  /** The engine makes as many as it is told, and takes all memory for them. */
  private static final int MOST_THREADS = 1024;

  @Option(names = "--threads", defaultValue = "0", description = "Threads of the engine; 0 leaves the choice to it.")
  private int threads;

  @Option(names = "--resume", description = "Go on with the run in --run, with the settings that it began with.")
  private boolean resume;

  @Option(names = "--force", description = "Start over in a --run folder that holds a run.")
  private boolean force;

  @Option(names = "--ignore-memory", description = "Start even if memory or storage seems too little.")
  private boolean ignoreMemory;

  @Mixin private Output output;

  @Override
  public Integer call() throws PocketzoException {
    TuneConfig config = settings.over(TuneConfig.defaults());
    if (resume && force) {
      throw new UsageError("--resume goes on and --force starts over: give one of them.");
    }
    if (threads < 0 || threads > MOST_THREADS) {
      throw new UsageError("--threads " + threads + ": must be from 0 to " + MOST_THREADS + ".");
    }
    RunFolder.check(run, resume, force);
    if (resume) {
      TuneConfig there = RunFolder.header(run).settings();
      config = settings.over(there.with("steps", config.steps()));
    }
    Request.Stop request = Interrupts.request();
    Opening opened = Opening.withTask(bundle, task, output.json);
    DataSet trainData = Data.read(train);
    DataSet validationData = Data.read(validation);
    try (Engine session = Engines.open(engine, opened.bundle(), threads);
        TuneBars bars = new TuneBars(config.steps(), output.json)) {
      Job job =
          new Job(opened.bundle(), session, opened.task(), opened.definition(), trainData, validationData, run);
      print(Tune.tune(job, config, new Tune.Start(resume, force, ignoreMemory), bars, request));
    }
    return 0;
  }

  private void print(Result result) {
    if (output.json) {
      Output.printJson(content(result));
      return;
    }
    Evaluation before = result.before();
    Evaluation best = result.best();
    String change =
        best.accuracy() == null
            ? String.format(Locale.ROOT, "loss %.4f -> %.4f", before.loss(), best.loss())
            : "accuracy " + Output.percent(before.accuracy()) + " -> " + Output.percent(best.accuracy());
    boolean headAlone = result.bestStep() == 0 && !best.equals(before);
    String when = headAlone ? "with the label head alone" : "after step " + result.bestStep();
    Output.print(
        change + " on the validation file, best " + when + "; " + Output.percent(result.padding())
            + " of the tokens were padding. Values: " + result.bestValues());
  }

  private static Map<String, Object> content(Result result) {
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("before", members(result.before()));
    content.put("best", members(result.best()));
    content.put("best_step", (long) result.bestStep());
    content.put("steps", (long) result.steps());
    content.put("best_values", result.bestValues().toString());
    content.put("padding", result.padding());
    content.put("repeated", (long) result.repeated());
    return content;
  }

  private static Map<String, Object> members(Evaluation evaluation) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("loss", evaluation.loss());
    members.put("accuracy", evaluation.accuracy());
    members.put("examples", (long) evaluation.examples());
    return members;
  }
}
