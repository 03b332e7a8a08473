package org.pocketzo.runtime.trajectory;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import org.pocketzo.runtime.Directions;
import org.pocketzo.runtime.Loop;
import org.pocketzo.runtime.State;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.system.Files;

/**
 * Replay: the values of a run from its trajectory and the bundle's initial values, without the model.
 *
 * <p>The same scalars give the same bits anywhere, so that anyone who has the bundle can audit a phone's log.
 */
public final class Replay {
  /** Is told of each line after it was applied. */
  public interface Watch {
    void applied(Replayed replayed, Line line) throws PocketzoException;
  }

  private Replay() {}

  /**
   * Replays the trajectory file {@code path} from {@code initialValues} [K] of the bundle that its header names. A torn
   * last line is passed over.
   *
   * @throws BadInput if the file cannot be read, a line was changed, or the number of values is another
   */
  public static Replayed replay(Path path, float[] initialValues) throws PocketzoException {
    return replay(path, initialValues, (replayed, line) -> {});
  }

  /** As {@link #replay(Path, float[])}, with {@code watch} told of each line. */
  public static Replayed replay(Path path, float[] initialValues, Watch watch) throws PocketzoException {
    Files.checkRegular(path, "trajectory");
    try (InputStream in = java.nio.file.Files.newInputStream(path)) {
      Reader reader = new Reader(in, path);
      Replayed replayed = start(reader.header(), initialValues);
      lines(reader, replayed, watch);
      return replayed;
    } catch (IOException e) {
      throw new BadInput(path + ": the trajectory cannot be read (" + e.getMessage() + "). Check the path", e);
    }
  }

  /** The state before the first step; throws BadInput if the number of values is another than the header's. */
  public static Replayed start(Header header, float[] initialValues) throws BadInput {
    if (header.values() != initialValues.length) {
      throw new BadInput(
          "the trajectory is of " + header.values() + " values, and the bundle has " + initialValues.length
              + ". Use the bundle that the run was made on.");
    }
    Tuned tuned = new Tuned(initialValues, new double[header.labels().size()], null);
    return new Replayed(header, State.initial(tuned));
  }

  /** Applies the lines that are left to {@code replayed}; throws BadInput as {@link Reader#next} does. */
  public static void lines(Reader reader, Replayed replayed, Watch watch) throws PocketzoException {
    TuneConfig config = reader.header().settings();
    for (Line line = reader.next(); line != null; line = reader.next()) {
      if (line.evaluation() != null) {
        replayed.evaluated(line.evaluation());
      } else if (line.labelHead() != null) {
        replayed.fittedHead(line.labelHead());
      } else {
        State state = replayed.state();
        int count = state.tuned().values().length;
        float[][] z = Directions.directions(config.seed(), state.step(), config.directions(), count);
        replayed.stepped(Loop.updated(state, line.projectedGradients(), z, config, line.labelBias()));
      }
      watch.applied(replayed, line);
    }
  }
}
