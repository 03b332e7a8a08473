package org.pocketzo.runtime.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.Jobs;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.errors.Interrupted;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.trajectory.Evaluation;
import org.pocketzo.runtime.trajectory.Replay;

/** On the same measurements, a run here writes the bytes that one in Python writes, however often it stops. */
class FedRunTest {
  private static final TuneConfig CONFIG = new TuneConfig(40, 3, 0.02, 0.0125, 5, 0.9, 4096, 8, 15);

  @TempDir Path scratch;

  private void assertBytesOfPython() throws Exception {
    for (Path theirs : Fixtures.inside(Fixtures.path("fed-run"))) {
      Path ours = scratch.resolve(theirs.getFileName());
      assertArrayEquals(Files.readAllBytes(theirs), Files.readAllBytes(ours), theirs.getFileName().toString());
    }
  }

  @Test
  void bytesOfPython() throws Exception {
    Tune.tune(Jobs.complete(new FedEngine(), scratch), CONFIG, Tune.Start.ANEW, new Watcher() {}, Jobs.NOBODY);
    assertBytesOfPython();
  }

  @Test
  void stoppedBetweenAnyTwoStepsItGoesOnToTheSameBytes() throws Exception {
    FedEngine engine = new FedEngine();
    Tune.Start start = Tune.Start.ANEW;
    List<Integer> ends = new ArrayList<>();
    // Never in an evaluation, which would be another pass when it is done again.
    for (int i = 0; i < 5; i++) {
      StopAfter stop = new StopAfter(7);
      Job job = Jobs.complete(engine, scratch);
      Tune.Start now = start;
      String said =
          assertThrows(Interrupted.class, () -> Tune.tune(job, CONFIG, now, stop, stop.request)).getMessage();
      ends.add(Replay.replay(scratch.resolve(RunFolder.TRAJECTORY), job.bundle().initialValues()).state().step());
      assertTrue(said.contains("stopped after step " + ends.get(i) + " of 40") && said.contains("--resume"), said);
      assertTrue(Files.deleteIfExists(scratch.resolve(RunFolder.METRICS)), "all is saved when it stops");
      start = Tune.Start.RESUME;
    }
    assertEquals(Arrays.asList(7, 14, 21, 28, 35), ends);
    Tune.tune(Jobs.complete(engine, scratch), CONFIG, start, new Watcher() {}, Jobs.NOBODY);
    assertBytesOfPython();
  }

  @Test
  void watchersAreToldOfEveryPhase() throws Exception {
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    List<Boolean> best = new ArrayList<>();
    Watcher watcher = new Watcher() {
      @Override
      public void stepped(Step step) {
        told.add("step " + step.step());
      }

      @Override
      public void passStarted(Pass what, int examples) {
        told.add(what + " of " + examples);
      }

      @Override
      public void batchDone(int examples, long tokens) {
        told.add("passed " + examples);
      }

      @Override
      public void evaluated(int step, Evaluation evaluation) {
        told.add("evaluated " + step);
        best.add(Files.exists(scratch.resolve(RunFolder.BEST)));
      }
    };
    TuneConfig two = CONFIG.with("steps", 2);
    Tune.tune(Jobs.complete(new FedEngine(), scratch), two, Tune.Start.ANEW, watcher, Jobs.NOBODY);
    assertEquals(
        "[EVALUATION of 4, passed 4, evaluated 0, step 1, step 2, EVALUATION of 4, passed 4, evaluated 2]",
        told.toString());
    assertEquals(Arrays.asList(true, true), best, "the best values are saved as soon as they are known");
  }

  /** Asks to stop after so many steps of its own. */
  private static final class StopAfter implements Watcher {
    private final Request.Stop request = new Request.Stop();
    private int left;

    StopAfter(int steps) {
      left = steps;
    }

    @Override
    public void stepped(Step step) {
      if (--left == 0) {
        request.make();
      }
    }
  }
}
