package org.pocketzo.runtime.limits;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.ManifestReader;
import org.pocketzo.runtime.errors.NotEnoughSpace;
import org.pocketzo.runtime.run.RunFolder;

class MemoryTest {
  @Test
  void estimatesAsPythonDoes() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("bundle"));
    for (Object row : Fixtures.table("memory")) {
      List<Integer> shape = new ArrayList<>();
      for (Object number : (List<?>) Fixtures.get(row, "shape")) {
        shape.add(((Long) number).intValue());
      }
      Memory.Estimate estimate =
          Memory.estimate(manifest, shape.get(0), shape.get(1), shape.get(2), shape.get(3));
      Object expected = Fixtures.get(row, "estimate");
      assertEquals(Fixtures.get(expected, "process"), estimate.process());
      assertEquals(Fixtures.get(expected, "weights"), estimate.weights());
      assertEquals(Fixtures.get(expected, "activations"), estimate.activations());
      assertEquals(Fixtures.get(expected, "values"), estimate.values());
      assertEquals(Fixtures.get(row, "head"), Memory.headBytes(manifest, 4096, shape.get(3)));
    }
  }

  @Test
  void tooLittleIsFoundBeforeTheStart() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("bundle"));
    List<Example> examples =
        Collections.singletonList(new Example(new int[] {1, 2, 3}, new int[] {2}, new int[] {4, 5}, "here", 0));
    TuneConfig config = TuneConfig.defaults();
    Memory.check(manifest, examples, config, () -> -1);
    Memory.check(manifest, examples, config, () -> 1L << 40);
    long needed = Memory.estimate(manifest, 1, 3, 1, 1).total() + Memory.headBytes(manifest, 1, 2);
    Memory.check(manifest, examples, config, () -> needed);
    String said = assertThrows(
        NotEnoughSpace.class, () -> Memory.check(manifest, examples, config, () -> needed - 1)).getMessage();
    assertTrue(said.startsWith("a step with 1 examples of up to 3 tokens needs about "), said);
  }

  @Test
  void theLimitOfAContainerCounts(@TempDir Path root) throws Exception {
    write(root, "proc/meminfo", "MemFree: 1 kB\nMemAvailable:    8000 kB\n");
    assertEquals(8_192_000, Memory.availableBytes(root));
    write(root, "proc/self/cgroup", "0::/a/b\n");
    write(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
    write(root, "sys/fs/cgroup/a/memory.max", "5000000\n");
    write(root, "sys/fs/cgroup/a/memory.current", "3000000\n");
    assertEquals(2_000_000, Memory.availableBytes(root));
    write(root, "sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 500000\nactive_file 100000\n");
    assertEquals(2_600_000, Memory.availableBytes(root));
    write(root, "sys/fs/cgroup/a/memory.high", "4000000\n");
    assertEquals(1_600_000, Memory.availableBytes(root));
    write(root, "proc/self/cgroup", "5:cpu:/x\n4:cpuacct,memory:/of/the/host\n0::/\n");
    assertEquals(8_192_000, Memory.availableBytes(root));
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n");
    write(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n");
    assertEquals(0, Memory.availableBytes(root));
    write(root, "sys/fs/cgroup/memory/memory.stat", "inactive_file 9\ntotal_inactive_file 150000\n");
    assertEquals(50_000, Memory.availableBytes(root));
  }

  private static void write(Path root, String name, String text) throws IOException {
    Files.createDirectories(root.resolve(name).getParent());
    Files.write(root.resolve(name), text.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
  }

  @Test
  void theDiskThatARunFillsIsBelowTheEstimate() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("bundle"));
    Path run = Fixtures.path("scalars");
    TuneConfig config = RunFolder.header(run).settings().with("steps", 1000);
    long estimate = Storage.estimate(manifest, config, 2);
    long written = size(run);
    assertTrue(written < estimate && estimate < 2 * written, written + " of " + estimate);
    Storage.check(run, estimate, folder -> estimate);
    Storage.check(run, estimate, folder -> -1);
    assertThrows(NotEnoughSpace.class, () -> Storage.check(run, estimate, folder -> estimate - 1));
    assertTrue(Storage.freeBytes(run.resolve("not/there")) > 0);
  }

  private static long size(Path folder) throws IOException {
    long size = 0;
    for (Path path : Fixtures.inside(folder)) {
      size += Files.size(path);
    }
    return size;
  }
}
