package org.pocketzo.runtime.cli;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.errors.UsageError;
import picocli.CommandLine.Option;

/** The options that are settings of a run, null where the command line does not name them. */
final class Settings {
  @Option(names = "--steps", description = "Steps of the loop (default: 200).")
  private BigInteger steps;

  @Option(names = "--batch", description = "Examples a step (default: 16).")
  private BigInteger batch;

  @Option(
      names = "--lr",
      description = "Change of each value per step, for a typical gradient; 0 chooses it by the steps (default).")
  private Double lr;

  @Option(names = "--eps", description = "Size of the perturbation; 0 takes the bundle's own (default).")
  private Double eps;

  @Option(names = "--directions", description = "Directions a step, averaged (default: 1).")
  private BigInteger directions;

  @Option(names = "--rms-decay", description = "Memory of the running rms of projected gradients (default: 0.99).")
  private Double rmsDecay;

  @Option(
      names = "--head-examples",
      description =
          "Training examples for the label head, one pass each before every evaluation; 0: no head (default: 4096).")
  private BigInteger headExamples;

  @Option(names = "--seed", description = "Seed of directions and data order (default: 0).")
  private BigInteger seed;

  @Option(
      names = "--evaluate-every",
      description = "Steps between evaluations on the validation file, each after a new fit of the label head, if any"
          + " (default: 100).")
  private BigInteger evaluateEvery;

  /** {@code config} with what the command line names; throws UsageError if that is out of range. */
  TuneConfig over(TuneConfig config) throws UsageError {
    Map<String, Number> named = new LinkedHashMap<>();
    named.put("steps", steps);
    named.put("batch", batch);
    named.put("lr", lr);
    named.put("eps", eps);
    named.put("directions", directions);
    named.put("rms_decay", rmsDecay);
    named.put("head_examples", headExamples);
    named.put("seed", seed);
    named.put("evaluate_every", evaluateEvery);
    TuneConfig settings = config;
    for (Map.Entry<String, Number> setting : named.entrySet()) {
      if (setting.getValue() != null) {
        settings = settings.with(setting.getKey(), setting.getValue());
      }
    }
    return settings;
  }
}
