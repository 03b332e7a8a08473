package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.system.Files;

/**
 * An opened bundle: the folder, its manifest, and the SHA-256 of manifest.json, which binds every other file.
 *
 * <p>The manifest's word is checked against every file before anything is used.
 */
public record Bundle(Path directory, Manifest manifest, String hash) {
  /** The tokenizer's file. */
  public static final String TOKENIZER = "tokenizer.json";

  private static final String UNSAFE = "Do not use this bundle";
  static final String FIX = "Copy the bundle again or export it again";

  /** Is told bytes hashed and bytes in all. */
  public interface Progress {
    void hashed(long done, long total);
  }

  /** As {@link #open(Path, boolean, Progress)} with every hash. */
  public static Bundle open(Path directory) throws BadInput {
    return open(directory, true, (done, total) -> {});
  }

  /**
   * Opens the bundle in {@code directory}, checking all that docs/bundle.md lists under "What opening checks" but for
   * what the engine checks.
   *
   * @param hashes off leaves out the SHA-256 of the files, for those who have just written them
   * @throws BadInput naming the first file that is missing, altered, not listed, or that refers to something outside of
   *     the bundle
   */
  public static Bundle open(Path directory, boolean hashes, Progress progress) throws BadInput {
    Manifest manifest = ManifestReader.read(directory);
    checkNames(directory, manifest);
    checkFiles(directory, manifest, hashes, progress);
    for (Manifest.Graph graph : manifest.graphs()) {
      if (OnnxReferences.areIn(graph)) {
        checkReferences(directory.resolve(graph.file()), graph, manifest.files().keySet());
      }
    }
    Entries.check(directory.resolve(manifest.values().file()), manifest.values());
    return new Bundle(directory, manifest, Files.sha256(directory.resolve(Manifest.NAME), done -> {}));
  }

  /** The step graph for {@code engine}; throws BadInput if the bundle was exported without it. */
  public Manifest.Graph graph(String engine) throws BadInput {
    List<String> held = new ArrayList<>();
    for (Manifest.Graph graph : manifest.graphs()) {
      if (graph.engine().equals(engine)) {
        return graph;
      }
      held.add(graph.engine());
    }
    throw BadInput.of(
        directory,
        "has no graph for engine " + engine + " (it has: " + String.join(", ", held) + ")",
        "Use one of those, or export it with --engine " + engine);
  }

  /** The untuned values, fp32 [K]; throws BadInput if the file disagrees with the manifest. */
  public float[] initialValues() throws BadInput {
    return ValuesFile.read(directory.resolve(manifest.values().file()), manifest.values().count()).values();
  }

  /** Values that a run wrote; throws BadInput if they belong to another bundle or are damaged. */
  public ValuesFile tunedValues(Path path) throws BadInput {
    ValuesFile file = ValuesFile.read(path, manifest.values().count());
    if (!hash.equals(file.bundle())) {
      String why =
          file.bundle() == null || file.bundle().isEmpty()
              ? "names no bundle that it was tuned on"
              : "was tuned on the bundle " + start(file.bundle()) + "..., and " + directory + " is " + start(hash)
                  + "...";
      throw BadInput.of(path, why, "Use values that `pocketzo tune` wrote for this bundle");
    }
    LabelHead head = file.labelHead();
    long width = manifest.model().hiddenSize();
    if (head != null && head.weights()[0].length != width + 1) {
      throw BadInput.of(path, "its label head is not of hidden states of " + width, "Use values tuned on this bundle");
    }
    return file;
  }

  private static String start(String hash) {
    return hash.substring(0, Math.min(16, hash.length()));
  }

  /** Every file that is there is listed, and every file that is used. */
  private static void checkNames(Path directory, Manifest manifest) throws BadInput {
    Set<String> listed = manifest.files().keySet();
    for (Path path : inside(directory)) {
      String name = path.getFileName().toString();
      // A name that begins with a dot cannot be listed, so nothing refers to it: desktops drop such files.
      if (!listed.contains(name) && !name.equals(Manifest.NAME) && !name.startsWith(".")) {
        throw BadInput.of(path, "is not listed in the manifest", "Remove it");
      }
    }
    List<String> used = new ArrayList<>();
    Collections.addAll(used, manifest.values().file(), manifest.golden().file(), TOKENIZER);
    for (Manifest.Graph graph : manifest.graphs()) {
      used.add(graph.file());
    }
    for (String name : used) {
      if (!listed.contains(name)) {
        throw BadInput.of(directory.resolve(Manifest.NAME), name + " is used but not listed under files", FIX);
      }
    }
  }

  private static Collection<Path> inside(Path directory) throws BadInput {
    try (DirectoryStream<Path> paths = java.nio.file.Files.newDirectoryStream(directory)) {
      Set<Path> sorted = new TreeSet<>();
      for (Path path : paths) {
        sorted.add(path);
      }
      return sorted;
    } catch (IOException | java.nio.file.DirectoryIteratorException e) {
      throw new BadInput(directory + ": its files cannot be listed (" + e.getMessage() + "). Check the path", e);
    }
  }

  private static void checkFiles(Path directory, Manifest manifest, boolean hashes, Progress progress)
      throws BadInput {
    long total = 0;
    for (Manifest.FileEntry entry : manifest.files().values()) {
      total += entry.bytes();
    }
    long done = 0;
    for (Map.Entry<String, Manifest.FileEntry> listed : manifest.files().entrySet()) {
      Path path = directory.resolve(listed.getKey());
      Manifest.FileEntry entry = listed.getValue();
      checkSize(path, entry.bytes());
      long before = done;
      long all = total;
      if (hashes && !Files.sha256(path, n -> progress.hashed(before + n, all)).equals(entry.sha256())) {
        throw BadInput.of(path, "its SHA-256 differs from the manifest's: it was altered or damaged", FIX);
      }
      done += entry.bytes();
    }
  }

  private static void checkSize(Path path, long expected) throws BadInput {
    if (!Files.isRegularNoLink(path)) {
      throw BadInput.of(path, "is missing or not a regular file", FIX);
    }
    long size = path.toFile().length();
    if (size != expected) {
      throw BadInput.of(path, "has " + size + " bytes, the manifest says " + expected, FIX);
    }
  }

  /** An engine opens what an ONNX file points to, so it must point at the bundle's files and known operators only. */
  private static void checkReferences(Path path, Manifest.Graph graph, Set<String> listed) throws BadInput {
    OnnxReferences found = OnnxReferences.read(path);
    String strange = strange(found.files(), listed);
    if (strange != null) {
      throw BadInput.of(path, "reads its weights from '" + strange + "', which is not a file of the bundle", UNSAFE);
    }
    strange = strange(found.domains(), graph.domains());
    if (strange != null) {
      throw BadInput.of(
          path, "uses operators of the domain '" + strange + "', which the manifest does not list", UNSAFE);
    }
    if (!found.other().isEmpty()) {
      throw BadInput.of(path, "holds a " + found.other().first() + ", which a step graph never does", UNSAFE);
    }
  }

  private static String strange(Set<String> found, Collection<String> known) {
    for (String name : found) {
      if (!known.contains(name)) {
        return name;
      }
    }
    return null;
  }
}
