package org.pocketzo.runtime.bundle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;

/** Bundles that must be refused, each by a small change to a good one. */
class RefusedBundlesTest {
  @TempDir Path scratch;

  private Path copy() throws IOException {
    return Fixtures.copy(Fixtures.path("bundle"), scratch.resolve("bundle"));
  }

  private static void assertRefused(Path folder, String reason) {
    String said = assertThrows(BadInput.class, () -> Bundle.open(folder).initialValues()).getMessage();
    assertTrue(said.contains(reason), said);
  }

  @Test
  void theGoodOneOpens() throws Exception {
    Path folder = copy();
    Files.write(folder.resolve(".DS_Store"), new byte[0]);
    List<Long> told = new ArrayList<>();
    Bundle bundle = Bundle.open(folder, true, (done, total) -> told.add(total - done));
    assertEquals(bundle.manifest().values().count(), bundle.initialValues().length);
    assertEquals("step.onnx", bundle.graph("onnx").file());
    assertEquals(0, told.get(told.size() - 1));
    String said = assertThrows(BadInput.class, () -> bundle.graph("other")).getMessage();
    assertTrue(said.contains("has no graph for engine other (it has: onnx)"), said);
  }

  @Test
  void theRunsValuesBelongToIt() throws Exception {
    Bundle bundle = Bundle.open(Fixtures.path("bundle"));
    ValuesFile tuned = bundle.tunedValues(Fixtures.path("scalars/best.safetensors"));
    assertEquals(bundle.hash(), tuned.bundle());
    assertEquals(65, tuned.labelHead().weights()[0].length);
    Path own = Fixtures.path("bundle/values.safetensors");
    String said = assertThrows(BadInput.class, () -> bundle.tunedValues(own)).getMessage();
    assertTrue(said.contains("names no bundle that it was tuned on"), said);
    Bundle other = new Bundle(bundle.directory(), bundle.manifest(), "f" + bundle.hash().substring(1) + "0");
    said = assertThrows(
        BadInput.class, () -> other.tunedValues(Fixtures.path("scalars/best.safetensors"))).getMessage();
    assertTrue(said.contains("was tuned on the bundle " + bundle.hash().substring(0, 16)), said);
  }

  @TestFactory
  List<DynamicTest> everyCase() throws Exception {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path change : Fixtures.inside(Fixtures.path("refused"))) {
      Object verdict = Json.read(change.resolve("refused.json"), "verdict");
      Path folder = scratch.resolve(change.getFileName());
      tests.add(DynamicTest.dynamicTest(change.getFileName().toString(), () -> checkCase(change, folder, verdict)));
    }
    return tests;
  }

  private static void checkCase(Path change, Path folder, Object verdict) throws Exception {
    Fixtures.copy(Fixtures.path("bundle"), folder);
    Fixtures.copy(change, folder);
    Files.delete(folder.resolve("refused.json"));
    String reason = (String) Fixtures.get(verdict, "reason");
    if (reason != null) {
      assertRefused(folder, reason);
      return;
    }
    boolean opens = true;
    try {
      Bundle.open(folder).initialValues();
    } catch (BadInput e) {
      opens = false;
    }
    assertFalse(opens && Boolean.FALSE.equals(Fixtures.get(verdict, "opens")), "opens, and not in Python");
  }

  @Test
  void oneFlippedBit() throws Exception {
    for (Path path : Fixtures.inside(copy())) {
      byte[] content = Files.readAllBytes(path);
      content[content.length / 2] ^= 1;
      Files.write(path, content);
      boolean manifest = path.endsWith("manifest.json");
      assertRefused(path.getParent(), path.getFileName() + (manifest ? ": " : ": its SHA-256 differs"));
      content[content.length / 2] ^= 1;
      Files.write(path, content);
    }
    Bundle.open(scratch.resolve("bundle"));
  }

  @Test
  void missingShortOrSomethingElse() throws Exception {
    Path weights = copy().resolve("weights.bin");
    byte[] content = Files.readAllBytes(weights);
    Files.write(weights, java.util.Arrays.copyOf(content, content.length - 1));
    assertRefused(weights.getParent(), "weights.bin: has " + (content.length - 1) + " bytes, the manifest says");
    Files.delete(weights);
    assertRefused(weights.getParent(), "weights.bin: is missing");
    Path outside = Files.write(scratch.resolve("weights.bin"), content);
    Files.createSymbolicLink(weights, outside);
    assertRefused(weights.getParent(), "not a regular file");
    Files.delete(weights);
    Files.createDirectory(weights);
    assertRefused(weights.getParent(), "not a regular file");
  }

  @Test
  void manifestThatIsALinkAPipeOrEndless() throws Exception {
    Path manifest = copy().resolve("manifest.json");
    Path outside = Files.move(manifest, scratch.resolve("manifest.json"));
    Files.createSymbolicLink(manifest, outside);
    assertRefused(manifest.getParent(), "not a regular file");
    Files.delete(manifest);
    assertEquals(0, new ProcessBuilder("mkfifo", manifest.toString()).start().waitFor());
    assertRefused(manifest.getParent(), "something else than a file");
    Files.delete(manifest);
    Files.copy(outside, manifest);
    try (RandomAccessFile file = new RandomAccessFile(manifest.toFile(), "rw")) {
      file.setLength(1 << 30);
    }
    assertRefused(manifest.getParent(), "more than 67,108,864 bytes");
    assertRefused(scratch.resolve("nothing"), "bundle manifest cannot be read");
  }

  @Test
  void manifestEditedAndSealedByAnotherLength() throws Exception {
    Path manifest = copy().resolve("manifest.json");
    String text = new String(Files.readAllBytes(manifest), StandardCharsets.UTF_8);
    Files.write(manifest, text.replace("\"seal\": \"", "\"seal\": \"0").getBytes(StandardCharsets.UTF_8));
    assertRefused(manifest.getParent(), "was altered or damaged");
    Files.write(manifest, (text + "\n").getBytes(StandardCharsets.UTF_8));
    assertRefused(manifest.getParent(), "was altered or damaged");
  }
}
