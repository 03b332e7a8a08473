package org.pocketzo.runtime.limits;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.NotEnoughSpace;

/** What a run will need: an estimate from the manifest, for those who choose a device and for a check before a run. */
public final class Memory {
  /** Bytes of the command's process with its libraries loaded, before any model. */
  public static final long PROCESS = 88_000_000;

  /** Bytes that a session takes beside weights and activations. */
  public static final long SESSION = 12_000_000;

  private static final long WORDS = 4096;
  private static final long EVALUATION = 1024;
  private static final long FLOAT = 4;
  private static final long ENDLESS = Long.MAX_VALUE / 16;

  /** Says how much memory a run could still take; an app asks its system. */
  public interface Available {
    /** Bytes, or -1 where the system does not say. */
    long bytes();
  }

  /** Peak resident bytes of the loop by what they hold. */
  public record Estimate(long process, long weights, long activations, long values) {
    /** All of them. */
    public long total() {
      return process + weights + activations + values;
    }
  }

  private Memory() {}

  /**
   * The memory of a run under ONNX Runtime, for B = {@code batch} examples of T = {@code tokens} tokens with S = {@code
   * scored} label positions: the larger of a step's and an evaluation's.
   */
  public static Estimate estimate(Manifest manifest, int batch, int tokens, int scored, int directions) {
    long perturbations = 2L * directions;
    long steps = activations(manifest, perturbations * batch, tokens, scored);
    long evaluation = activations(manifest, Math.max(1, EVALUATION / tokens), tokens, scored);
    long values = product(FLOAT, manifest.values().count(), 4 + 4 * perturbations);
    return new Estimate(PROCESS, weights(manifest), Math.max(steps, evaluation), values);
  }

  /** Linear layers as the engine arranges them, in place of the mapped ones, and the mapped embedding table. */
  private static long weights(Manifest manifest) {
    Manifest.Quantization quantization = manifest.quantization();
    Manifest.Model model = manifest.model();
    long linear = manifest.values().eligibleWeights();
    // Scales are widened to fp32.
    long layers =
        quantization.weightBits() == 8
            ? linear + product(FLOAT + 2, quantization.outliers(), linear) / model.hiddenSize()
            : whole(linear * (4 / 8.0 + (FLOAT + 1 / 2.0) / quantization.groupSize()));
    long tables = product(model.vocabulary(), model.hiddenSize(), model.tiedEmbedding() ? 1 : 2);
    double perGroup = (FLOAT + 1) / (double) quantization.embeddingGroupSize();
    return SESSION + layers + whole(tables * (quantization.embeddingBits() / 8.0 + perGroup));
  }

  /** The widest of a block's MLP, its attention with all scores, and the logits of one piece of the vocabulary. */
  private static long activations(Manifest manifest, long sequences, long tokens, long scored) {
    Manifest.Model model = manifest.model();
    long rows = product(sequences, tokens);
    long mlp = product(rows, 4 * model.hiddenSize() + 5 * model.intermediateSize());
    long attention = product(rows, 4, model.hiddenSize()) + product(2, sequences, model.heads(), tokens, tokens);
    long words = product(2, Math.min(model.vocabulary(), WORDS), model.hiddenSize() + product(sequences, scored));
    return product(FLOAT, Math.max(mlp, Math.max(attention, words)));
  }

  /**
   * What the fit of a label head for W = {@code labels} to A = {@code examples} takes, in bytes beside the loop's.
   */
  public static long headBytes(Manifest manifest, int examples, int labels) {
    if (examples == 0) {
      return 0;
    }
    long inputs = manifest.model().hiddenSize() + 1;
    return product(examples, product(28, inputs) + 40L * labels) + product(32, inputs, inputs);
  }

  /** A product that stays at a number beyond all memory where it would overflow. */
  private static long product(long... factors) {
    long product = 1;
    for (long factor : factors) {
      if (factor != 0 && product > ENDLESS / factor) {
        return ENDLESS;
      }
      product *= factor;
    }
    return product;
  }

  private static long whole(double number) {
    return number < ENDLESS ? (long) number : ENDLESS;
  }

  /**
   * Memory that a new process could still take here, in bytes, its container's limit included, or -1 where the system
   * does not say.
   */
  public static long availableBytes() {
    return availableBytes(Paths.get("/"));
  }

  /** The same; {@code root} is where proc and sys are. */
  static long availableBytes(Path root) {
    List<Long> found = Cgroups.leftBytes(root);
    try (BufferedReader lines =
        java.nio.file.Files.newBufferedReader(root.resolve("proc/meminfo"), StandardCharsets.US_ASCII)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("MemAvailable:")) {
          found.add(Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024);
        }
      }
    } catch (IOException | NumberFormatException e) {
      // Another system, which does not say.
    }
    return found.isEmpty() ? -1 : Collections.min(found);
  }

  /** As {@link #check(Manifest, List, TuneConfig, Available)}, with what the system says is free. */
  public static void check(Manifest manifest, List<Example> examples, TuneConfig config) throws NotEnoughSpace {
    check(manifest, examples, config, Memory::availableBytes);
  }

  /** Throws NotEnoughSpace if a run on {@code examples} would need more memory than there is. */
  public static void check(Manifest manifest, List<Example> examples, TuneConfig config, Available available)
      throws NotEnoughSpace {
    int tokens = 1;
    int scored = 1;
    for (Example example : examples) {
      tokens = Math.max(tokens, example.tokens().length);
      scored = Math.max(scored, example.positions().length);
    }
    int batch = Math.min(config.batch(), examples.size());
    long needed = estimate(manifest, batch, tokens, scored, config.directions()).total();
    if (examples.get(0).answer() >= 0) {
      int fitted = Math.min(config.headExamples(), examples.size());
      needed += headBytes(manifest, fitted, examples.get(0).targets().length);
    }
    long free = available.bytes();
    if (free >= 0 && needed > free) {
      throw new NotEnoughSpace(
          "a step with " + batch + " examples of up to " + tokens + " tokens needs about " + megabytes(needed)
              + " MB, and " + megabytes(free)
              + " MB are free. Use a smaller --batch or shorter examples; --ignore-memory tries anyway.");
    }
  }

  static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%,.0f", bytes / 1e6);
  }
}
