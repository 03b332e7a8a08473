package org.pocketzo.runtime.run;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.ValuesFile;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.system.Files;
import org.pocketzo.runtime.trajectory.Header;
import org.pocketzo.runtime.trajectory.Line;
import org.pocketzo.runtime.trajectory.Reader;
import org.pocketzo.runtime.trajectory.Replay;
import org.pocketzo.runtime.trajectory.Replayed;

/**
 * The audit of a run: do its values files hold what its trajectory gives?
 *
 * @param run the replayed run
 * @param files for each values file whether it is the same to the bit
 * @param bytesAStep the mean size of a step's line
 */
public record Audit(Replayed run, Map<String, Boolean> files, double bytesAStep) {
  /** No file differs. */
  public boolean same() {
    return !files.containsValue(false);
  }

  /** Writes the replayed values [K] to {@code path}, bound to the bundle. */
  public void write(Path path) throws BadInput {
    Header header = run.header();
    ValuesFile.write(path, run.state().tuned(), header.bundle(), run.state().step(), header.labels());
  }

  /**
   * Replays the run in the folder {@code path} on {@code bundle} and compares its values files, each at the step that
   * it names.
   *
   * @throws BadInput if the trajectory was changed, belongs to another bundle, or a values file cannot be read
   */
  public static Audit audit(Path path, Bundle bundle) throws PocketzoException {
    Path trajectory = path.resolve(RunFolder.TRAJECTORY);
    Files.checkRegular(trajectory, "trajectory");
    try (InputStream in = java.nio.file.Files.newInputStream(trajectory)) {
      Reader reader = new Reader(in, trajectory);
      checkBundle(path, reader.header(), bundle);
      Comparison comparison = new Comparison(path, bundle, reader);
      Replayed run = Replay.start(reader.header(), bundle.initialValues());
      comparison.compare(run);
      Replay.lines(reader, run, comparison);
      double bytes = (double) comparison.bytesOfSteps / Math.max(run.state().step(), 1);
      return new Audit(run, Collections.unmodifiableMap(comparison.files), bytes);
    } catch (IOException e) {
      throw new BadInput(trajectory + ": the trajectory cannot be read (" + e.getMessage() + "). Check the path", e);
    }
  }

  private static void checkBundle(Path path, Header header, Bundle bundle) throws BadInput {
    if (!header.bundle().equals(bundle.hash())) {
      throw BadInput.of(
          path,
          "the run was made on bundle " + header.bundle().substring(0, 16) + "..., and " + bundle.directory() + " is "
              + bundle.hash().substring(0, 16) + "...",
          "Use the bundle that it was made on");
    }
  }

  private static final class Comparison implements Replay.Watch {
    private final Map<String, ValuesFile> found = new LinkedHashMap<>();
    private final Map<String, Boolean> files = new LinkedHashMap<>();
    private final Reader reader;
    private long bytesOfSteps;
    private long before;

    Comparison(Path path, Bundle bundle, Reader reader) throws BadInput {
      this.reader = reader;
      before = reader.wholeBytes();
      for (String name : new String[] {RunFolder.VALUES, RunFolder.BEST}) {
        if (java.nio.file.Files.exists(path.resolve(name))) {
          found.put(name, bundle.tunedValues(path.resolve(name)));
          files.put(name, false);
        }
      }
    }

    @Override
    public void applied(Replayed replayed, Line line) {
      compare(replayed);
      bytesOfSteps += line.isStep() ? reader.wholeBytes() - before : 0;
      before = reader.wholeBytes();
    }

    /** A step has two states where a label head was fitted after it; a file may hold either. */
    void compare(Replayed run) {
      for (Map.Entry<String, ValuesFile> file : found.entrySet()) {
        Long step = file.getValue().step();
        if (step != null && step == run.state().step() && same(file.getValue(), run)) {
          files.put(file.getKey(), true);
        }
      }
    }

    private static boolean same(ValuesFile file, Replayed run) {
      Tuned tuned = run.state().tuned();
      List<Map.Entry<String, Double>> here = new ArrayList<>(file.labelBias().entrySet());
      List<String> labels = run.header().labels();
      boolean same = here.size() == labels.size();
      for (int i = 0; same && i < here.size(); i++) {
        same = here.get(i).getKey().equals(labels.get(i)) && here.get(i).getValue() == tuned.labelBias()[i];
      }
      return same && bits(file.values(), tuned.values()) && heads(file.labelHead(), tuned.labelHead());
    }

    private static boolean heads(LabelHead x, LabelHead y) {
      return x == null || y == null ? x == y : Arrays.equals(x.bytes(), y.bytes());
    }

    private static boolean bits(float[] x, float[] y) {
      boolean same = x.length == y.length;
      for (int i = 0; same && i < x.length; i++) {
        same = Float.floatToRawIntBits(x[i]) == Float.floatToRawIntBits(y[i]);
      }
      return same;
    }
  }
}
