package org.pocketzo.runtime.run;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.ValuesFile;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;
import org.pocketzo.runtime.system.LockedFolder;
import org.pocketzo.runtime.trajectory.Header;
import org.pocketzo.runtime.trajectory.Reader;
import org.pocketzo.runtime.trajectory.Replay;
import org.pocketzo.runtime.trajectory.Replayed;
import org.pocketzo.runtime.trajectory.Writer;

/**
 * The folder of a run: trajectory.jsonl as it goes, values.safetensors, best.safetensors and metrics.json.
 *
 * <p>The trajectory is the run: every other file can be made again from it and the bundle. One at a time writes to a
 * folder; the lock goes with the process, however it ends.
 */
public final class RunFolder implements AutoCloseable {
  public static final String TRAJECTORY = "trajectory.jsonl";
  public static final String VALUES = "values.safetensors";
  public static final String BEST = "best.safetensors";
  public static final String METRICS = "metrics.json";

  private final Path path;
  private final LockedFolder locked;
  private final RandomAccessFile file;
  private Writer writer;
  private Header header;

  /**
   * Locks the folder, making it if need be; throws BadInput if another is writing to it, BadInput or DiskFull if we
   * cannot.
   */
  public RunFolder(Path path) throws BadInput {
    this(path, FileChannel::tryLock);
  }

  RunFolder(Path path, LockedFolder.Locking locking) throws BadInput {
    this.path = path;
    locked =
        new LockedFolder(
            path, TRAJECTORY, "another process is tuning in this folder",
            "Wait for it, stop it, or choose another --run", locking);
    file = locked.file();
  }

  /**
   * Throws BadInput if a run cannot be written to {@code path}: a file, a bundle or inside one, without a run to
   * resume, or (unless {@code force} or {@code resume}) with a run's files in it.
   */
  public static void check(Path path, boolean resume, boolean force) throws BadInput {
    if (java.nio.file.Files.exists(path) && !java.nio.file.Files.isDirectory(path)) {
      throw BadInput.of(path, "is a file", "Name a folder for --run");
    }
    for (Path folder = resolved(path); folder != null; folder = folder.getParent()) {
      if (java.nio.file.Files.exists(folder.resolve(Manifest.NAME))) {
        throw BadInput.of(
            path, "would write into " + folder + ", which holds a " + Manifest.NAME,
            "Choose a --run outside of bundles");
      }
    }
    if (resume && !java.nio.file.Files.isRegularFile(path.resolve(TRAJECTORY))) {
      throw BadInput.of(path, "holds no " + TRAJECTORY + " to resume", "Check --run, or leave --resume out");
    }
    boolean held = false;
    for (String name : new String[] {TRAJECTORY, VALUES, BEST, METRICS}) {
      held |= java.nio.file.Files.exists(path.resolve(name));
    }
    if (held && !force && !resume) {
      throw BadInput.of(
          path, "holds a run already", "Go on with --resume, start over with --force, or choose another --run");
    }
  }

  private static Path resolved(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      return path.toAbsolutePath().normalize();
    }
  }

  /** The header of the run in {@code path}, without locking it; throws BadInput if it cannot be read. */
  public static Header header(Path path) throws BadInput {
    Path trajectory = path.resolve(TRAJECTORY);
    Files.checkRegular(trajectory, "trajectory");
    try (InputStream in = java.nio.file.Files.newInputStream(trajectory)) {
      return new Reader(in, trajectory).header();
    } catch (IOException e) {
      throw new BadInput(trajectory + ": the trajectory cannot be read (" + e.getMessage() + "). Check the path", e);
    }
  }

  public Path path() {
    return path;
  }

  /** Writes lines to the trajectory; there is one after {@link #begin} or {@link #resume}. */
  public Writer writer() {
    return writer;
  }

  /** Starts over: removes what a run left, writes the header. A new folder that takes none is removed again. */
  public Replayed begin(Header header, float[] initialValues) throws BadInput {
    this.header = header;
    Replayed replayed = Replay.start(header, initialValues);
    try {
      for (String name : new String[] {VALUES, BEST, METRICS}) {
        java.nio.file.Files.deleteIfExists(path.resolve(name));
      }
      file.setLength(0);
      file.seek(0);
    } catch (IOException e) {
      throw Files.diskError(path, e);
    }
    writer = new Writer(new Appending(), path, "");
    try {
      writer.header(header);
    } catch (BadInput e) {
      locked.undo();
      throw e;
    }
    return replayed;
  }

  /** The run that is there, from its header on; throws BadInput if the header cannot be read. */
  public Reader reader() throws BadInput {
    try {
      file.seek(0);
    } catch (IOException e) {
      throw Files.diskError(path, e);
    }
    return new Reader(new Reading(), path.resolve(TRAJECTORY));
  }

  /** Replays what is there, drops a torn last line, and goes on from there; {@code watch} is told of each line. */
  public Replayed resume(Reader reader, float[] initialValues, Replay.Watch watch)
      throws PocketzoException {
    header = reader.header();
    Replayed replayed = Replay.start(header, initialValues);
    Replay.lines(reader, replayed, watch);
    try {
      file.setLength(reader.wholeBytes());
      file.seek(reader.wholeBytes());
    } catch (IOException e) {
      throw Files.diskError(path, e);
    }
    writer = new Writer(new Appending(), path, reader.chain());
    return replayed;
  }

  /** Puts the trajectory on the disk itself, so that a power cut cannot take it. */
  public void flush() throws BadInput {
    try {
      file.getFD().sync();
    } catch (IOException e) {
      throw Files.diskError(path, e);
    }
  }

  /** Writes what was tuned, bound to the bundle by its hash. */
  public void saveValues(String name, Tuned tuned, int step) throws BadInput {
    ValuesFile.write(path.resolve(name), tuned, header.bundle(), step, header.labels());
  }

  /** Writes the last values, the best ones and metrics.json. */
  public void save(Replayed run, TuneConfig config) throws BadInput {
    flush();
    saveValues(VALUES, run.state().tuned(), run.state().step());
    if (run.bestTuned() != null) {
      saveValues(BEST, run.bestTuned(), run.bestStep());
    }
    Json.writeFile(path.resolve(METRICS), metrics(run, config));
  }

  /** What metrics.json holds: the evaluations, the best of them, and the settings. */
  static Map<String, Object> metrics(Replayed run, TuneConfig config) {
    List<Object> evaluations = new ArrayList<>();
    for (Replayed.Evaluated evaluated : run.evaluations()) {
      Map<String, Object> members = new LinkedHashMap<>();
      members.put("step", (long) evaluated.step());
      members.putAll(evaluated.evaluation().members());
      evaluations.add(members);
    }
    Map<String, Object> metrics = new LinkedHashMap<>();
    metrics.put("steps", (long) run.state().step());
    metrics.put("before", run.evaluations().isEmpty() ? null : run.evaluations().get(0).evaluation().members());
    metrics.put("best", run.best() == null ? null : run.best().members());
    metrics.put("best_step", (long) run.bestStep());
    metrics.put("config", config.members());
    metrics.put("evaluations", evaluations);
    return metrics;
  }

  /** Closes the trajectory and lets go of the folder. */
  @Override
  public void close() {
    locked.close();
  }

  // A channel would close itself when its thread is interrupted; these do not.
  private final class Appending extends OutputStream {
    @Override
    public void write(int b) throws IOException {
      file.write(b);
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      file.write(bytes, from, count);
    }
  }

  private final class Reading extends InputStream {
    @Override
    public int read() throws IOException {
      return file.read();
    }

    @Override
    public int read(byte[] bytes, int from, int count) throws IOException {
      return file.read(bytes, from, count);
    }
  }
}
