package org.pocketzo.app.model;

import android.content.res.AssetManager;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.ManifestReader;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.NotEnoughSpace;
import org.pocketzo.runtime.system.Files;

/**
 * The bundle comes with the app, and is copied once into private storage: the engine maps its weights from a file of
 * their own.
 */
public final class BundleCopy {
  private static final String ASSETS = "bundle";
  private static final int KEY_DIGITS = 16;
  private static final int PIECE = 1 << 20;

  private BundleCopy() {}

  /** The workspace of the bundle that the app holds, or null if it holds none. */
  static Workspace workspace(AssetManager assets, Path root) throws BadInput {
    byte[] manifest;
    try (InputStream in = assets.open(ASSETS + "/" + Manifest.NAME, AssetManager.ACCESS_BUFFER)) {
      manifest = Files.bytes(in, root.resolve(Manifest.NAME), "manifest", Files.MEMORY_LIMIT);
    } catch (IOException e) {
      return null;
    }
    return new Workspace(root, Files.sha256(manifest).substring(0, KEY_DIGITS));
  }

  /**
   * Copies the bundle unless it is there. It appears under its name when all of it is on the disk.
   *
   * @throws NotEnoughSpace before anything is written, if storage does not suffice
   * @throws BadInput if the app is damaged or storage fills up; nothing half-copied is left
   */
  static void copy(AssetManager assets, Workspace workspace, Bundle.Progress progress)
      throws BadInput, NotEnoughSpace {
    Path bundle = workspace.bundle();
    if (java.nio.file.Files.isDirectory(bundle)) {
      return;
    }
    Path part = bundle.resolveSibling(bundle.getFileName() + ".part");
    delete(part.toFile());
    removeOthers(workspace);
    try {
      create(part);
      copyFile(assets, Manifest.NAME, part, 0, count -> {});
      Map<String, Manifest.FileEntry> files = ManifestReader.read(part).files();
      long total = 0;
      for (Manifest.FileEntry entry : files.values()) {
        total += entry.bytes();
      }
      checkRoom(workspace.root(), total);
      copyFiles(assets, files, part, total, progress);
      if (!part.toFile().renameTo(bundle.toFile())) {
        throw BadInput.of(bundle, "cannot be written", "Restart the phone and try again");
      }
    } catch (BadInput | NotEnoughSpace | RuntimeException e) {
      delete(part.toFile());
      throw e;
    }
  }

  private static void create(Path folder) throws BadInput {
    try {
      java.nio.file.Files.createDirectories(folder);
    } catch (IOException e) {
      throw Files.diskError(folder, e);
    }
  }

  private static void checkRoom(Path root, long needed) throws NotEnoughSpace {
    long free = root.toFile().getUsableSpace();
    if (free < needed) {
      throw new NotEnoughSpace("the model needs " + needed / 1_000_000 + " MB of storage, and " + free / 1_000_000
          + " MB are free. Free some and open the app again.");
    }
  }

  private static void copyFiles(
      AssetManager assets, Map<String, Manifest.FileEntry> files, Path part, long total, Bundle.Progress progress)
      throws BadInput {
    long done = 0;
    for (Map.Entry<String, Manifest.FileEntry> file : files.entrySet()) {
      long before = done;
      copyFile(assets, file.getKey(), part, file.getValue().bytes(), count -> progress.hashed(before + count, total));
      done += file.getValue().bytes();
    }
  }

  private static void copyFile(
      AssetManager assets, String name, Path folder, long bytes, java.util.function.LongConsumer progress)
      throws BadInput {
    Path path = folder.resolve(name);
    try (InputStream in = assets.open(ASSETS + "/" + name, AssetManager.ACCESS_STREAMING);
        OutputStream out = java.nio.file.Files.newOutputStream(path)) {
      byte[] piece = new byte[(int) Math.max(1, Math.min(PIECE, bytes == 0 ? PIECE : bytes))];
      long done = 0;
      for (int count = in.read(piece); count >= 0; count = in.read(piece)) {
        out.write(piece, 0, count);
        done += count;
        progress.accept(done);
      }
    } catch (java.io.FileNotFoundException e) {
      throw new BadInput(name + ": is missing in the app. Install the app again", e);
    } catch (IOException e) {
      throw Files.diskError(path, e);
    }
  }

  /** Bundles of an earlier version of the app, which can be copied again from it. */
  private static void removeOthers(Workspace workspace) {
    File[] files = workspace.root().toFile().listFiles();
    for (File file : files == null ? new File[0] : files) {
      if (file.getName().startsWith(Workspace.BUNDLES)) {
        delete(file);
      }
    }
  }

  /** Deletes a file or a folder with all that is in it, if it is there. */
  public static void delete(File file) {
    File[] inside = file.listFiles();
    if (inside != null) {
      Arrays.stream(inside).forEach(BundleCopy::delete);
    }
    file.delete();
  }
}
