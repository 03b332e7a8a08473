package org.pocketzo.runtime.trajectory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.ManifestFields;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.run.RunFolder;
import org.pocketzo.runtime.system.Version;

/** What was written is read, what was changed is found, what was torn is dropped. */
class TrajectoryTest {
  private static final Path PATH = Paths.get("trajectory.jsonl");

  static Header header() throws Exception {
    return Header.of(
        sha('a'), 10, 4, sha('b'), sha('c'), Collections.singletonMap("kind", "complete"), "onnx", "1",
        TuneConfig.defaults().with("directions", 2));
  }

  private static String sha(char digit) {
    return String.join("", Collections.nCopies(64, String.valueOf(digit)));
  }

  private static byte[] written(double[][] steps) throws Exception {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    Writer writer = new Writer(file, PATH, "");
    writer.header(header());
    for (int n = 1; n <= steps.length; n++) {
      double[] step = steps[n - 1];
      writer.step(new Step(n, new double[] {step[0], step[1]}, step[2], 64, new double[0]));
      if (n % 2 == 0) {
        writer.evaluation(n, new Evaluation(step[2], n == 2 ? null : 0.5, 8));
      }
    }
    return file.toByteArray();
  }

  private static Reader reader(byte[] content) throws BadInput {
    return new Reader(new ByteArrayInputStream(content), PATH);
  }

  private static List<Line> read(byte[] content) throws BadInput {
    List<Line> lines = new ArrayList<>();
    Reader reader = reader(content);
    for (Line line = reader.next(); line != null; line = reader.next()) {
      lines.add(line);
    }
    return lines;
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "complete-run", "scalars"})
  void writtenAgainItHasTheBytesOfPython(String name) throws Exception {
    byte[] content = Files.readAllBytes(Fixtures.path(name + "/trajectory.jsonl"));
    Reader reader = reader(content);
    ByteArrayOutputStream again = new ByteArrayOutputStream();
    Writer writer = new Writer(again, PATH, "");
    writer.header(reader.header());
    for (Line line = reader.next(); line != null; line = reader.next()) {
      if (line.evaluation() != null) {
        writer.evaluation(line.step(), line.evaluation());
      } else if (line.labelHead() != null) {
        writer.labelHead(line.step(), line.labelHead());
      } else {
        writer.step(new Step(line.step(), line.projectedGradients(), line.loss(), 0, line.labelBias()));
      }
    }
    assertArrayEquals(content, again.toByteArray());
    assertEquals(content.length, reader.wholeBytes());
    assertEquals(Version.POCKETZO, reader.header().pocketzo());
  }

  @Test
  void aHeaderMadeHereHasTheBytesOfPython() throws Exception {
    Header read = RunFolder.header(Fixtures.path("scalars"));
    Object task = Json.read(Fixtures.path("data/task.json"), "task file");
    TuneConfig config = TuneConfig.defaults().with("batch", 4).with("lr", 1e-3).with("eps", 1e-3).with("directions", 2)
        .with("seed", (1L << 40) + 7).with("evaluate_every", 250);
    Map<String, Object> shuffled = new LinkedHashMap<>();
    for (String name : new String[] {"prompt", "kind", "labels"}) {
      shuffled.put(name, Fixtures.get(task, name));
    }
    Header made = Header.of(
        Bundle.open(Fixtures.path("bundle")).hash(), read.values(), 64, sha('1'), sha('2'), shuffled, "onnx", "1.29.0",
        config);
    assertEquals(Json.write(read.members()), Json.write(made.members()));
    assertEquals(Arrays.asList("a", "ü"), made.labels());
  }

  @Test
  void whatWasWrittenIsRead() throws Exception {
    Random random = new Random(1);
    for (int trial = 0; trial < 300; trial++) {
      double[][] steps = new double[random.nextInt(8)][3];
      for (double[] step : steps) {
        for (int i = 0; i < 3; i++) {
          double any = Double.longBitsToDouble(random.nextLong());
          step[i] = Double.isNaN(any) || Double.isInfinite(any) ? 0 : any;
        }
      }
      List<Line> lines = read(written(steps));
      lines.removeIf(line -> !line.isStep());
      assertEquals(steps.length, lines.size());
      for (int n = 0; n < steps.length; n++) {
        assertArrayEquals(Arrays.copyOf(steps[n], 2), lines.get(n).projectedGradients());
        assertEquals(steps[n][2], lines.get(n).loss());
      }
    }
  }

  @Test
  void aChangedByteAnywhereIsFoundOrTearsTheLastLine() throws Exception {
    byte[] content = Arrays.copyOf(Files.readAllBytes(Fixtures.path("run/trajectory.jsonl")), 4000);
    while (content[content.length - 1] != '\n') {
      content = Arrays.copyOf(content, content.length - 1);
    }
    Random random = new Random(2);
    int lines = read(content).size();
    int line = 1;
    for (int at = 0; at < content.length; at++) {
      byte[] changed = content.clone();
      changed[at] ^= (byte) (1 + random.nextInt(255));
      if (at == content.length - 1 && changed[at] != '\n') {
        assertEquals(lines - 1, read(changed).size());
        continue;
      }
      String said = assertThrows(BadInput.class, () -> read(changed), "byte " + at).getMessage();
      boolean named = said.startsWith("trajectory.jsonl, line " + line + ": ");
      assertTrue(named, "byte " + at + " of line " + line + ": " + said);
      line += content[at] == '\n' ? 1 : 0;
    }
  }

  @Test
  void cutAnywhereItLeavesTheWholeLines() throws Exception {
    byte[] content = written(new double[][] {{0.5, -0.25, 1}, {1e-9, 3, 0.5}});
    int whole = 0;
    int bytes = 0;
    for (int cut = 0; cut < content.length; cut++) {
      byte[] left = Arrays.copyOf(content, cut);
      if (whole == 0) {
        String said = assertThrows(BadInput.class, () -> reader(left)).getMessage();
        assertTrue(said.contains("holds no whole line"), said);
      } else {
        Reader reader = reader(left);
        for (int i = 1; i < whole; i++) {
          reader.next();
        }
        assertNull(reader.next());
        assertEquals(bytes, reader.wholeBytes());
      }
      whole += content[cut] == '\n' ? 1 : 0;
      bytes = content[cut] == '\n' ? cut + 1 : bytes;
    }
  }

  private static byte[] joined(List<byte[]> lines) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] line : lines) {
      all.write(line, 0, line.length);
    }
    return all.toByteArray();
  }

  @Test
  void linesThatWereMovedAreFound() throws Exception {
    byte[] content = written(new double[][] {{0.5, -0.25, 1}, {0.5, -0.25, 1}, {0.5, -0.25, 1}, {0.5, -0.25, 1}});
    List<byte[]> lines = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < content.length; i++) {
      if (content[i] == '\n') {
        lines.add(Arrays.copyOfRange(content, begin, i + 1));
        begin = i + 1;
      }
    }
    for (int[] order : new int[][] {{0, 1, 3, 4}, {0, 2, 1, 3, 4}, {0, 1, 1, 2, 3}}) {
      List<byte[]> moved = new ArrayList<>();
      for (int i : order) {
        moved.add(lines.get(i));
      }
      String said = assertThrows(BadInput.class, () -> read(joined(moved))).getMessage();
      assertTrue(said.matches("trajectory.jsonl, line \\d: was changed.*"), said);
    }
  }

  /** Lines whose chain is right, whatever their content. */
  private static byte[] sealed(String... contents) throws Exception {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    Writer writer = new Writer(file, PATH, "");
    for (String content : contents) {
      Map<String, Object> members = new LinkedHashMap<>();
      for (Map.Entry<?, ?> member : ((Map<?, ?>) Json.parse(content)).entrySet()) {
        members.put((String) member.getKey(), member.getValue());
      }
      writer.append(members);
    }
    return file.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "{\"step\":2,\"g\":[1.0,2.0],\"loss\":1.0}",
    "{\"step\":true,\"g\":[1.0,2.0],\"loss\":1.0}",
    "{\"step\":1.0,\"g\":[1.0,2.0],\"loss\":1.0}",
    "{\"step\":4294967297,\"g\":[1.0,2.0],\"loss\":1.0}",
    "{\"step\":1,\"g\":[1.0],\"loss\":1.0}",
    "{\"step\":1,\"g\":[1.0,\"2\"],\"loss\":1.0}",
    "{\"step\":1,\"g\":[1.0,1],\"loss\":1.0}",
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":null}",
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0,\"more\":1}",
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0,\"label_bias\":[1.0]}",
    "{\"step\":1,\"evaluation\":{\"loss\":1.0,\"accuracy\":0.5,\"examples\":8}}",
    "{\"step\":0,\"evaluation\":{\"loss\":1.0,\"accuracy\":\"all\",\"examples\":8}}",
    "{\"step\":0,\"evaluation\":{\"loss\":1.0,\"other\":0.5,\"examples\":8}}",
    "{\"step\":0,\"label_head\":\"AAAA\"}"
  })
  void linesThatMeanNothingAreRefused(String line) throws Exception {
    byte[] content = sealed(Json.write(header().members()), line);
    String said = assertThrows(BadInput.class, () -> read(content)).getMessage();
    assertTrue(said.contains("line 2: is not the step, evaluation or label head that belongs there"), said);
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0}",
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0,\"label_bias\":[1.0]}",
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0,\"label_bias\":[1.0,1000001.0]}",
    "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0,\"label_bias\":[1.0,1]}",
    "{\"step\":0,\"label_head\":\"AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AADAfw==\"}",
    "{\"step\":0,\"label_head\":\"AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPw\"}"
  })
  void linesThatAClassificationDoesNotHave(String line) throws Exception {
    Object task = Json.parse("{\"kind\":\"classify\",\"labels\":{\"a\":\" a\",\"b\":\" b\"}}");
    Header header = Header.of(
        sha('a'), 10, 4, sha('b'), sha('c'), ManifestFields.kindFirst((Map<?, ?>) task), "onnx", "1",
        TuneConfig.defaults().with("directions", 2));
    String head = "{\"step\":0,\"label_head\":\"AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPw==\"}";
    String step = "{\"step\":1,\"g\":[1.0,2.0],\"loss\":1.0,\"label_bias\":[1.0,-1000000.0]}";
    assertEquals(2, read(sealed(Json.write(header.members()), head, step)).size());
    byte[] content = sealed(Json.write(header.members()), line);
    String said = assertThrows(BadInput.class, () -> read(content)).getMessage();
    assertTrue(said.contains("line 2: is not the step, evaluation or label head that belongs there"), said);
  }

  @Test
  void numbersBeyondAllDoNotPass() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> Json.write(Double.POSITIVE_INFINITY));
    assertEquals(Double.POSITIVE_INFINITY, Json.parse("1e400"));
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "\"version\":1|\"version\":2", "\"pocketzo-trajectory\"|\"other\"", "\"values\":10|\"values\":0",
    "\"lr\":0.0|\"lr\":-1.0", "\"lr\":0.0|\"lr\":0", "\"directions\":2|\"directions\":1000000000",
    "\"batch\":16|\"batch\":1.5", "\"batch\":16|\"steps\":5,\"batch\":16", "\"bundle\":\"a|\"bundle\":\"x",
    "\"seed\":0|\"seed\":9223372036854775808", "\"kind\":\"complete\"|\"kind\":1", "\"engine\":\"onnx\",|",
    "\"values\":10|\"values\":10,\"more\":1"
  })
  void headersOfNoRunAreRefused(String change) throws Exception {
    String good = Json.write(header().members());
    String[] parts = change.split("\\|", -1);
    String changed = good.replace(parts[0], parts[1]);
    assertTrue(!changed.equals(good), good);
    byte[] content = sealed(changed);
    String said = assertThrows(BadInput.class, () -> reader(content)).getMessage();
    assertTrue(said.contains("line 1 is no header that this pocketzo reads"), said);
  }

  @Test
  void aLineWithoutEnd() {
    byte[] content = new byte[Reader.LINE_LIMIT + 10];
    String said = assertThrows(BadInput.class, () -> reader(content)).getMessage();
    assertTrue(said.contains("line 1: is longer than any line can be"), said);
    assertTrue(assertThrows(BadInput.class, () -> reader("{}\n".getBytes())).getMessage().contains("has no chain"));
  }
}
