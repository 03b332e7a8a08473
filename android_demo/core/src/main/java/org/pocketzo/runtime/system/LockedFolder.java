package org.pocketzo.runtime.system;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;

/** A folder that one at a time writes to, with a file in it that is open and locked; the lock goes with the process. */
public final class LockedFolder implements AutoCloseable {
  /** Asks for the lock of a file: null if another process has it. */
  public interface Locking {
    FileLock tryLock(FileChannel channel) throws IOException;
  }

  private final List<Path> made = new ArrayList<>();
  private final RandomAccessFile file;

  /**
   * Opens and locks {@code name} in {@code path}, making both if need be; throws BadInput, saying {@code taken} and
   * {@code fix}, if another has it, BadInput or DiskFull if it cannot be made or locked, and nothing is then left of
   * it.
   */
  public LockedFolder(Path path, String name, String taken, String fix, Locking locking) throws BadInput {
    Path inside = path.resolve(name);
    for (Path there = inside; there != null && !Files.exists(there); there = there.toAbsolutePath().getParent()) {
      made.add(there);
    }
    try {
      if (!Files.isDirectory(path)) {
        Files.createDirectories(path);
      }
      file = new RandomAccessFile(inside.toFile(), "rw");
    } catch (IOException e) {
      unmake();
      throw org.pocketzo.runtime.system.Files.diskError(path, e);
    }
    if (!locked(path, locking)) {
      close();
      throw BadInput.of(path, taken, fix);
    }
  }

  private boolean locked(Path path, Locking locking) throws BadInput {
    try {
      return locking.tryLock(file.getChannel()) != null;
    } catch (OverlappingFileLockException e) {
      return false; // This process has it already, elsewhere.
    } catch (IOException e) {
      undo();
      throw BadInput.of(
          path, "cannot be locked (" + e.getMessage() + "), so another process could write there at the same time",
          "Choose a folder on a disk with locks: some network disks have none");
    }
  }

  public RandomAccessFile file() {
    return file;
  }

  /** Closes the file, and removes it and the folder if they were made here. */
  public void undo() {
    close();
    unmake();
  }

  private void unmake() {
    for (Path there : made) {
      try {
        Files.deleteIfExists(there);
      } catch (IOException e) {
        return; // The error that led here says more.
      }
    }
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      // All of it was with the operating system before.
    }
  }
}
