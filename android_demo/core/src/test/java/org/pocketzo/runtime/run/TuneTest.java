package org.pocketzo.runtime.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.Jobs;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.ManifestReader;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.NotEnoughSpace;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;

/** Runs on the real engine: what they gain, and what they say of data that does not fit. */
class TuneTest {
  private static final TuneConfig FEW = new TuneConfig(4, 4, 0, 0, 1, 0.99, 16, 3, 2);

  @TempDir Path scratch;

  private Result tune(String... lines) throws Exception {
    try (Engine engine = Engines.open("onnx", Jobs.bundle(), 1)) {
      return tune(Jobs.trainedOn(engine, scratch, lines), Tune.Start.ANEW);
    }
  }

  private static Result tune(Job job, Tune.Start start) throws PocketzoException {
    return Tune.tune(job, FEW, start, new Watcher() {}, Jobs.NOBODY);
  }

  private String refused(String... lines) {
    String said = assertThrows(BadInput.class, () -> tune(lines)).getMessage();
    assertFalse(Files.exists(scratch.resolve("run")), "nothing is written before all is checked");
    return said;
  }

  @Test
  void aRunIsSavedAndItsAuditFindsEveryFileTheSame() throws Exception {
    try (Engine engine = Engines.open("onnx", Jobs.bundle(), 1)) {
      Job job = Jobs.classify(engine, scratch.resolve("run"));
      Result result = tune(job, Tune.Start.ANEW);
      assertEquals(4, result.steps());
      assertTrue(result.best().accuracy() >= result.before().accuracy());
      Audit audit = Audit.audit(job.path(), job.bundle());
      assertTrue(audit.same());
      assertEquals(2, audit.files().size());
      assertTrue(Files.exists(job.path().resolve(RunFolder.METRICS)));
      assertEquals(job.path().resolve(RunFolder.BEST), result.bestValues());
    }
  }

  @Test
  void theEngineIsTunedWithItsOwnEps() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("manifests/engines"));
    Bundle bundle = Jobs.bundle();
    Bundle withOwn = new Bundle(bundle.directory(), manifest, bundle.hash());
    try (Engine engine = Engines.open("onnx", bundle, 1)) {
      Job job = Jobs.classify(engine, scratch.resolve("run"));
      Job own =
          new Job(withOwn, engine, job.task(), job.definition(), job.train(), job.validation(), job.path());
      List<String> warnings = new ArrayList<>();
      Watcher watcher =
          new Watcher() {
            @Override
            public void warned(String text) {
              warnings.add(text);
            }
          };
      Tune.tune(own, FEW, Tune.Start.ANEW, watcher, Jobs.NOBODY);
      assertEquals(2e-3, RunFolder.header(job.path()).settings().eps());
      assertEquals(Collections.emptyList(), warnings);
      Job far =
          new Job(withOwn, engine, job.task(), job.definition(), job.train(), job.validation(), scratch.resolve("far"));
      Tune.tune(far, FEW.with("eps", 0.05), Tune.Start.ANEW, watcher, Jobs.NOBODY);
      assertTrue(warnings.get(0).contains("this artifact's loss is straight, 0.002"), warnings.toString());
    }
  }

  @Test
  void aLabelWithOneExampleAndEmojiAloneAreExamplesLikeOthers() throws Exception {
    Result result =
        tune(
            "{\"text\": \"\uD83C\uDF0A\uD83C\uDF0A\uD83D\uDE00\", \"label\": \"a\"}",
            "{\"text\": \"\uD83D\uDE00\", \"label\": \"a\"}",
            "{\"text\": \"the sea\", \"label\": \"ü\"}");
    assertEquals(4, result.steps());
  }

  @Test
  void oneExampleInAll() throws Exception {
    assertEquals(4, tune("{\"text\": \"the sea\", \"label\": \"ü\"}").steps());
  }

  @Test
  void anExampleOverTheContextIsNamed() {
    String text = String.join("", Collections.nCopies(300, "word "));
    String said = refused("{\"text\": \"x\", \"label\": \"a\"}", "{\"text\": \"" + text + "\", \"label\": \"a\"}");
    assertTrue(said.contains("train.jsonl, line 2: has ") && said.contains("the model's context is 256"), said);
  }

  @Test
  void aBadLineIsNamed() {
    String said = refused("{\"text\": \"x\", \"label\": \"a\"}", "", "{\"text\": \"x\" \"label\": \"a\"}");
    assertTrue(said.contains("train.jsonl, line 3: is not JSON"), said);
    said = refused("{\"text\": \"x\", \"label\": \"c\"}");
    assertTrue(said.contains("line 1: label \"c\" is not one of the task's (labels: a, ü)"), said);
    said = refused("{\"label\": \"a\"}");
    assertTrue(said.contains("lacks the key \"text\""), said);
  }

  @Test
  void memoryAndStorageThatCannotSufficeAreFoundBeforeTheStart() throws Exception {
    Job job = Jobs.classify(new FedEngine(), scratch.resolve("run"));
    for (Tune.Start start : new Tune.Start[] {
      new Tune.Start(false, false, () -> 50_000_000, folder -> -1),
      new Tune.Start(false, false, () -> -1, folder -> 1000)
    }) {
      NotEnoughSpace error = assertThrows(NotEnoughSpace.class, () -> tune(job, start));
      assertEquals(4, error.exitCode());
      assertTrue(error.getMessage().contains("MB are free"), error.getMessage());
      assertFalse(Files.exists(job.path()));
    }
  }

  @Test
  void anotherSettingDoesNotContinueTheRun() throws Exception {
    Path run = scratch.resolve("run");
    tune(Jobs.classify(new FedEngine(), run), Tune.Start.ANEW);
    byte[] before = Files.readAllBytes(run.resolve(RunFolder.TRAJECTORY));
    TuneConfig other = FEW.with("batch", 3);
    String said =
        assertThrows(
                BadInput.class,
                () -> Tune.tune(Jobs.classify(new FedEngine(), run), other, Tune.Start.RESUME, new Watcher() {},
                    Jobs.NOBODY))
            .getMessage();
    assertTrue(said.contains("the run was made with --batch 4, and now it is 3"), said);
    assertEquals(new String(before, "UTF-8"), new String(Files.readAllBytes(run.resolve("trajectory.jsonl")), "UTF-8"));
    said = assertThrows(BadInput.class, () -> tune(Jobs.classify(new FedEngine(), run), Tune.Start.ANEW)).getMessage();
    assertTrue(said.contains("holds a run already"), said);
  }

  @Test
  void anEpsThatVanishesBesideTheValuesIsRefused() throws Exception {
    TuneConfig tiny = FEW.with("eps", 1e-12);
    String said =
        assertThrows(
                UsageError.class,
                () -> Tune.tune(Jobs.classify(new FedEngine(), scratch.resolve("run")), tiny, Tune.Start.ANEW,
                    new Watcher() {}, Jobs.NOBODY))
            .getMessage();
    assertTrue(said.startsWith("--eps 1e-12: vanishes beside "), said);
  }
}
