package org.pocketzo.runtime.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.DiskFull;
import org.pocketzo.runtime.trajectory.Writer;

class FilesTest {
  private static final Path FULL = Paths.get("/dev/full");

  @TempDir Path scratch;

  @Test
  void aFullDiskLeavesWhatWasThere() throws Exception {
    assumeTrue(Files.exists(FULL), "needs /dev/full");
    Path path = Files.write(scratch.resolve("values"), new byte[] {1});
    // The temporary neighbour is written through the link, to a device that is always full.
    Files.createSymbolicLink(scratch.resolve("values.part"), FULL);
    DiskFull e = assertThrows(
        DiskFull.class,
        () -> org.pocketzo.runtime.system.Files.writeAtomically(path, out -> out.write(new byte[1 << 20])));
    assertTrue(e.getMessage().contains("values: the disk is full"), e.getMessage());
    assertEquals(1, Files.size(path));
    assertFalse(Files.exists(scratch.resolve("values.part")));
  }

  @Test
  void aStepThatDoesNotFitIsNotCounted() throws Exception {
    assumeTrue(Files.exists(FULL), "needs /dev/full");
    try (OutputStream out = new FileOutputStream(FULL.toFile())) {
      Writer writer = new Writer(out, FULL, "");
      assertThrows(
          DiskFull.class, () -> writer.step(new Step(1, new double[] {1}, 1, 1, new double[0])));
    }
  }

  @Test
  void whatTheSystemSaysOfAFullDisk() {
    Path path = scratch.resolve("a");
    for (String text : new String[] {
      "No space left on device", "write failed: ENOSPC (No space left on device)", "Disk quota exceeded",
      "File too large"
    }) {
      assertTrue(org.pocketzo.runtime.system.Files.diskError(path, new IOException(text)) instanceof DiskFull, text);
    }
    BadInput other = org.pocketzo.runtime.system.Files.diskError(path, new IOException("Permission denied"));
    assertFalse(other instanceof DiskFull);
    assertTrue(other.getMessage().contains("cannot be written (Permission denied)"));
  }

  @Test
  void anErrorWhileWritingLeavesNothing() {
    Path path = scratch.resolve("folder/new");
    assertThrows(
        IllegalStateException.class,
        () -> org.pocketzo.runtime.system.Files.writeAtomically(path, out -> {
          out.write(1);
          throw new IllegalStateException();
        }));
    assertEquals(0, scratch.resolve("folder").toFile().list().length);
  }

  @Test
  void textThatIsNotUtf8() {
    byte[] content = {'a', (byte) 0xC3, '('};
    BadInput e = assertThrows(
        BadInput.class, () -> org.pocketzo.runtime.system.Files.decodeText(content, Paths.get("x"), "task file"));
    assertEquals("x: the task file is not UTF-8 (byte 1). Save it as UTF-8", e.getMessage());
  }

  @Test
  void tooLongAFile() throws Exception {
    Path path = Files.write(scratch.resolve("long"), new byte[11]);
    assertEquals(11, org.pocketzo.runtime.system.Files.readFile(path, "thing", 11).length);
    BadInput e = assertThrows(BadInput.class, () -> org.pocketzo.runtime.system.Files.readFile(path, "thing", 10));
    assertTrue(e.getMessage().contains("the thing has more than 10 bytes, the limit"), e.getMessage());
  }
}
