package org.pocketzo.runtime.bundle;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.errors.BadInput;

/** Random damage: no damaged bundle opens, and nothing is thrown but BadInput. */
class MutatedBundlesTest {
  @TempDir Path scratch;

  @Test
  void noDamageOpens() throws Exception {
    for (int seed = 0; seed < 150; seed++) {
      Random random = new Random(seed);
      Path folder = Fixtures.copy(Fixtures.path("bundle"), scratch.resolve("bundle-" + seed));
      damage(folder, random);
      assertThrows(BadInput.class, () -> Bundle.open(folder), "seed " + seed);
      for (Path path : Fixtures.inside(folder)) {
        Files.delete(path);
      }
    }
  }

  private static void damage(Path folder, Random random) throws IOException {
    List<Path> paths = new ArrayList<>(Fixtures.inside(folder));
    Path path = paths.get(random.nextInt(paths.size()));
    byte[] content = Files.readAllBytes(path);
    switch (random.nextInt(6)) {
      case 0 -> {
        content[random.nextInt(content.length)] ^= (byte) (1 << random.nextInt(8));
        Files.write(path, content);
      }
      case 1 -> Files.write(path, Arrays.copyOf(content, random.nextInt(content.length)));
      case 2 -> {
        byte[] longer = Arrays.copyOf(content, content.length + 1 + random.nextInt(5000));
        Files.write(path, longer);
      }
      case 3 -> {
        Files.delete(path);
        Files.createSymbolicLink(path, Paths.get("/dev/zero"));
      }
      case 4 -> Files.delete(path);
      default -> {
        Path other = paths.get((paths.indexOf(path) + 1) % paths.size());
        Files.copy(other, path, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  @Test
  void graphsThatAreNoneAreRefusedAndNothingElseIsThrown() throws Exception {
    byte[] good = Files.readAllBytes(Fixtures.path("bundle/step.onnx"));
    Path path = Paths.get("step.onnx");
    int read = 0;
    for (int seed = 0; seed < 5000; seed++) {
      Random random = new Random(seed);
      byte[] content = Arrays.copyOf(good, random.nextInt(4) == 0 ? random.nextInt(good.length) : good.length);
      for (int i = random.nextInt(4); i >= 0 && content.length > 0; i--) {
        content[random.nextInt(content.length)] = (byte) random.nextInt(256);
      }
      read += isRead(content, path) ? 1 : 0;
    }
    assertTrue(read > 250 && read < 4750, "read " + read);
  }

  private static boolean isRead(byte[] content, Path path) {
    try {
      OnnxReferences.read(content, path);
      return true;
    } catch (BadInput e) {
      return false;
    }
  }

  @Test
  void valuesThatAreNoneAreRefusedAndNothingElseIsThrown() throws Exception {
    byte[] good = Files.readAllBytes(Fixtures.path("scalars/values.safetensors"));
    Path path = scratch.resolve("values.safetensors");
    long count = ManifestReader.read(Fixtures.path("bundle")).values().count();
    for (int seed = 0; seed < 3000; seed++) {
      Random random = new Random(seed);
      byte[] content = Arrays.copyOf(good, random.nextInt(8) == 0 ? random.nextInt(good.length) : good.length);
      for (int i = random.nextInt(4); i >= 0 && content.length > 0; i--) {
        content[random.nextInt(Math.min(400, content.length))] = (byte) random.nextInt(256);
      }
      Files.write(path, content);
      try {
        ValuesFile.read(path, count);
      } catch (BadInput e) {
        // Most are.
      }
    }
  }
}
