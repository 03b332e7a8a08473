package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Directions;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Philox;

/**
 * The bundle's self-test: does an engine on this device compute what the exported weights say?
 *
 * <p>The expected numbers come from an independent computation on the host, so a wrong kernel, a wrong graph and a
 * damaged file all show. The generator's words are compared too, since a run is only reproducible if they are the same.
 */
public final class Verify {
  /** Largest absolute difference of nll from the golden vectors (nats), the limit, and whether the words are equal. */
  public record Verdict(String engine, double difference, double tolerance, boolean rngEqual) {
    /** Within the tolerance, with the same random words. */
    public boolean passed() {
      return rngEqual && difference <= tolerance;
    }
  }

  /** The golden file: a batch, values [P][K], and the nll [P * B * L] that is expected. */
  private record Golden(Batch batch, float[][] values, float[] nll, List<Long> shape, boolean rngEqual) {}

  private static final String AGAIN = "Export the bundle again";

  private Verify() {}

  /**
   * Runs the golden vectors on {@code engine}.
   *
   * @throws BadInput if the golden file cannot be read, or the engine refuses it
   */
  public static Verdict verify(Bundle bundle, Engine engine) throws PocketzoException {
    Path path = bundle.directory().resolve(bundle.manifest().golden().file());
    Golden golden = read(path, (int) bundle.manifest().values().count());
    float[][][] nll = engine.forward(golden.batch, golden.values).nll();
    List<Long> shape = Arrays.asList((long) nll.length, (long) nll[0].length, (long) nll[0][0].length);
    if (!shape.equals(golden.shape)) {
      throw BadInput.of(path, "nll is " + shape + ", expected " + golden.shape, AGAIN);
    }
    Double tolerance = bundle.manifest().golden().tolerance().get(engine.name());
    return new Verdict(
        engine.name(), difference(nll, golden.nll), tolerance == null ? 0 : tolerance, golden.rngEqual);
  }

  private static double difference(float[][][] nll, float[] expected) {
    double largest = 0;
    int at = 0;
    for (float[][] perturbation : nll) {
      for (float[] example : perturbation) {
        for (float x : example) {
          double difference = Math.abs((double) x - expected[at++]);
          // NaN compares with nothing.
          largest = difference <= largest ? largest : Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
        }
      }
    }
    return largest;
  }

  private static Golden read(Path path, int count) throws BadInput {
    try {
      Safetensors file = Safetensors.open(path);
      Batch batch = new Batch(
          longs(file, "input_ids"), longs(file, "label_positions"), longs(file, "label_ids"),
          file.longs("words"), null);
      float[] flat = file.floats("values");
      if (flat.length == 0 || flat.length % count != 0) {
        throw new IndexOutOfBoundsException("values is no multiple of " + count);
      }
      float[][] values = new float[flat.length / count][];
      for (int p = 0; p < values.length; p++) {
        values[p] = Arrays.copyOfRange(flat, p * count, (p + 1) * count);
      }
      long[] words = file.longs("philox_words");
      long[] at = file.longs("philox_seed_step_row");
      long[] here = Philox.words(at[0], Directions.STREAM_DIRECTIONS, at[1], at[2], words.length);
      List<Long> shape = file.tensors().get("nll").shape();
      return new Golden(batch, values, file.floats("nll"), shape, Arrays.equals(words, here));
    } catch (IOException | Safetensors.Malformed | IndexOutOfBoundsException | NullPointerException e) {
      throw new BadInput(path + ": the golden vectors cannot be read (" + e.getMessage() + "). " + AGAIN, e);
    }
  }

  /** A tensor [B,N] as rows. */
  private static long[][] longs(Safetensors file, String name) throws IOException, Safetensors.Malformed {
    long[] flat = file.longs(name);
    List<Long> shape = file.tensors().get(name).shape();
    if (shape.size() != 2 || flat.length == 0) {
      throw new IndexOutOfBoundsException(name + " is " + shape);
    }
    long[][] rows = new long[shape.get(0).intValue()][];
    int width = shape.get(1).intValue();
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(flat, i * width, (i + 1) * width);
    }
    return rows;
  }
}
