package org.pocketzo.runtime.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.State;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.ValuesFile;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.LockedFolder;
import org.pocketzo.runtime.trajectory.Line;
import org.pocketzo.runtime.trajectory.Reader;
import org.pocketzo.runtime.trajectory.Replay;
import org.pocketzo.runtime.trajectory.Replayed;
import org.pocketzo.runtime.trajectory.Writer;

/** Replay gives Python's bits, and a run's folder holds Python's bytes. */
class RunFolderTest {
  private static final List<String> NAMES =
      Arrays.asList(RunFolder.TRAJECTORY, RunFolder.VALUES, RunFolder.BEST, RunFolder.METRICS);

  @TempDir Path scratch;

  private static float[] initialValues() throws Exception {
    return Bundle.open(Fixtures.path("bundle")).initialValues();
  }

  private static String hexadecimal(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return org.pocketzo.runtime.system.Files.hexadecimal(bytes.array());
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "complete-run", "scalars"})
  void replayGivesTheBitsOfPython(String name) throws Exception {
    Replayed replayed = Replay.replay(Fixtures.path(name + "/trajectory.jsonl"), initialValues());
    Object expected = Fixtures.get(Json.read(Fixtures.path("expected/states.json"), "table"), name);
    State state = replayed.state();
    assertEquals(Fixtures.get(expected, "step"), (long) state.step());
    assertEquals(Fixtures.get(expected, "mean_square"), state.meanSquare());
    assertEquals(Fixtures.get(expected, "start_weight"), state.startWeight());
    assertEquals(Fixtures.get(expected, "values"), hexadecimal(state.tuned().values()));
    LabelHead head = state.tuned().labelHead();
    assertEquals(Fixtures.get(expected, "label_head"), head == null ? null : head.encode());
    assertEquals(Fixtures.get(expected, "best_step"), (long) replayed.bestStep());
    assertEquals(Fixtures.get(expected, "evaluations"), (long) replayed.evaluations().size());
    List<?> bias = (List<?>) Fixtures.get(expected, "label_bias");
    for (int i = 0; i < bias.size(); i++) {
      assertEquals(bias.get(i), state.tuned().labelBias()[i]);
    }
  }

  @Test
  void aRunOfAThousandStepsHasTheBytesOfPython() throws Exception {
    Path theirs = Fixtures.path("scalars");
    Path ours = scratch.resolve("run");
    try (RunFolder folder = new RunFolder(ours);
        FileInputStream in = new FileInputStream(theirs.resolve(RunFolder.TRAJECTORY).toFile())) {
      Reader reader = new Reader(in, theirs);
      Replayed run = folder.begin(reader.header(), initialValues());
      Replay.lines(reader, run, (replayed, line) -> write(folder.writer(), line));
      folder.save(run, reader.header().settings().with("steps", 1000));
    }
    for (String name : NAMES) {
      assertArrayEquals(Files.readAllBytes(theirs.resolve(name)), Files.readAllBytes(ours.resolve(name)), name);
    }
    assertEquals(4, Fixtures.inside(ours).size());
  }

  @Test
  void aTornRunGoesOnAsIfItHadNotStopped() throws Exception {
    byte[] whole = Files.readAllBytes(Fixtures.path("complete-run/trajectory.jsonl"));
    Path run = Files.createDirectories(scratch.resolve("run"));
    int lastLine = new String(whole, 0, whole.length - 1, "UTF-8").getBytes("UTF-8").length;
    while (whole[lastLine - 1] != '\n') {
      lastLine--;
    }
    Files.write(run.resolve(RunFolder.TRAJECTORY), Arrays.copyOf(whole, whole.length - 5));
    try (RunFolder folder = new RunFolder(run)) {
      Replayed replayed = folder.resume(folder.reader(), initialValues(), (r, line) -> {});
      assertEquals(lastLine, Files.size(run.resolve(RunFolder.TRAJECTORY)));
      Replayed complete = Replay.replay(Fixtures.path("complete-run/trajectory.jsonl"), initialValues());
      List<Replayed.Evaluated> evaluations = complete.evaluations();
      assertEquals(evaluations.size() - 1, replayed.evaluations().size());
      folder.writer().evaluation(replayed.state().step(), evaluations.get(evaluations.size() - 1).evaluation());
      assertTrue(replayed.evaluated(evaluations.get(evaluations.size() - 1).evaluation()) || replayed.best() != null);
      folder.save(replayed, folder.reader().header().settings().with("steps", 25));
    }
    for (String name : NAMES) {
      Path theirs = Fixtures.path("complete-run").resolve(name);
      assertArrayEquals(Files.readAllBytes(theirs), Files.readAllBytes(run.resolve(name)), name);
    }
  }

  @Test
  void cutAnywhereItGoesOnToTheSameBytes() throws Exception {
    byte[] whole = Files.readAllBytes(Fixtures.path("run/trajectory.jsonl"));
    List<Line> lines = new ArrayList<>();
    Replay.replay(Fixtures.path("run/trajectory.jsonl"), initialValues(), (replayed, line) -> lines.add(line));
    float[] values = initialValues();
    Path trajectory = scratch.resolve(RunFolder.TRAJECTORY);
    Random random = new Random(4);
    int header = new String(whole, StandardCharsets.ISO_8859_1).indexOf('\n') + 1;
    for (int trial = 0; trial < 60; trial++) {
      int cut = header + random.nextInt(whole.length - header);
      Files.write(trajectory, Arrays.copyOf(whole, cut));
      try (RunFolder folder = new RunFolder(scratch)) {
        int[] there = {0};
        folder.resume(folder.reader(), values, (replayed, line) -> there[0]++);
        for (Line line : lines.subList(there[0], lines.size())) {
          write(folder.writer(), line);
        }
      }
      assertArrayEquals(whole, Files.readAllBytes(trajectory), "cut at " + cut);
    }
  }

  private static void write(Writer writer, Line line) throws BadInput {
    if (line.evaluation() != null) {
      writer.evaluation(line.step(), line.evaluation());
    } else if (line.labelHead() != null) {
      writer.labelHead(line.step(), line.labelHead());
    } else {
      writer.step(new Step(line.step(), line.projectedGradients(), line.loss(), 0, line.labelBias()));
    }
  }

  @Test
  void oneAtATimeWrites() throws Exception {
    try (RunFolder folder = new RunFolder(scratch)) {
      String said = assertThrows(BadInput.class, () -> new RunFolder(scratch)).getMessage();
      assertTrue(said.contains("another process is tuning in this folder"), said);
      assertEquals(scratch, folder.path());
    }
    new RunFolder(scratch).close();
  }

  @Test
  void placesThatARunCannotBeWrittenTo() throws Exception {
    Path bundle = Fixtures.copy(Fixtures.path("bundle"), scratch.resolve("bundle"));
    Path file = Files.write(scratch.resolve("file"), new byte[0]);
    assertSays("is a file", () -> RunFolder.check(file, false, false));
    assertSays("would write into", () -> RunFolder.check(bundle, false, true));
    assertSays("which holds a manifest.json", () -> RunFolder.check(bundle.resolve("a/b"), false, false));
    Path run = scratch.resolve("run");
    assertSays("holds no trajectory.jsonl to resume", () -> RunFolder.check(run, true, false));
    RunFolder.check(run, false, false);
    new RunFolder(run).close();
    assertSays("holds a run already", () -> RunFolder.check(run, false, false));
    RunFolder.check(run, false, true);
    RunFolder.check(run, true, false);
    assertSays("cannot be written", () -> new RunFolder(file.resolve("run")));
  }

  @Test
  void aDiskWithoutLocksIsNamedAndLeftAsItWas() throws Exception {
    Path run = scratch.resolve("new/run");
    LockedFolder.Locking none = channel -> {
      throw new IOException("No locks available");
    };
    assertSays("run: cannot be locked (No locks available), so another process", () -> new RunFolder(run, none));
    assertFalse(Files.exists(scratch.resolve("new")));
    new RunFolder(run).close();
    assertSays("cannot be locked", () -> new RunFolder(run, none));
    assertTrue(Files.exists(run.resolve(RunFolder.TRAJECTORY)));
    assertSays("another process is tuning in this folder", () -> new RunFolder(run, channel -> null));
  }

  private static void assertSays(String text, org.junit.jupiter.api.function.Executable call) {
    String said = assertThrows(BadInput.class, call).getMessage();
    assertTrue(said.contains(text), said);
  }

  @Test
  void anotherBundlesRunIsRefused() throws Exception {
    float[] fewer = Arrays.copyOf(initialValues(), 7);
    assertSays("the bundle has 7", () -> Replay.replay(Fixtures.path("run/trajectory.jsonl"), fewer));
    assertSays("cannot be read", () -> Replay.replay(scratch.resolve("nothing"), fewer));
    assertSays("something else than a file", () -> Replay.replay(scratch, fewer));
  }

  @Test
  void valuesOfOtherLabelsOrOrders() throws Exception {
    ValuesFile file = ValuesFile.read(Fixtures.path("scalars/values.safetensors"), initialValues().length);
    Tuned same = file.tuned(Arrays.asList("a", "ü"), "here");
    Tuned turned = file.tuned(Arrays.asList("ü", "a"), "here");
    assertEquals(same.labelBias()[0], turned.labelBias()[1]);
    assertArrayEquals(same.labelHead().weights()[0], turned.labelHead().weights()[1]);
    assertSays("was tuned for the labels a, ü, and the task has a", () -> file.tuned(Arrays.asList("a"), "here"));
    assertEquals(0, file.tuned(Collections.emptyList(), "here").labelBias().length);
    assertEquals(1000L, file.step());
  }
}
