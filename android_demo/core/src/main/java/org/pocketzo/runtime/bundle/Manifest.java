package org.pocketzo.runtime.bundle;

import java.util.List;
import java.util.Map;

/**
 * manifest.json, schema 1: the contract between the host that exports a bundle and the device that trains on it.
 *
 * <p>docs/bundle.md describes every field. {@code task} is the default task as a task file writes it, or null; {@code
 * reading} and {@code heldOut} are null in bundles that say nothing of them.
 */
public record Manifest(
    String pocketzoVersion,
    Model model,
    Quantization quantization,
    Values values,
    List<Graph> graphs,
    Estimator estimator,
    Golden golden,
    Reading reading,
    HeldOut heldOut,
    Map<String, Object> task,
    Map<String, FileEntry> files) {
  public static final int SCHEMA = 1;
  public static final String NAME = "manifest.json";

  /** One file of the bundle: its size in bytes and the SHA-256 of its content. */
  public record FileEntry(long bytes, String sha256) {}

  /** The language model that the bundle was made from; {@code eosTokenId} is null where it has none. */
  public record Model(
      String name,
      String family,
      String checkpointSha256,
      long parameters,
      long layers,
      long hiddenSize,
      long intermediateSize,
      long heads,
      long vocabulary,
      long contextTokens,
      boolean tiedEmbedding,
      Integer eosTokenId) {}

  /**
   * How the frozen weights are stored: in 4 bits, in groups along the input, with zero points; or in 8 bits with one
   * scale an output channel ({@code groupSize} 0), activations rounded to 8 bits but for {@code outliers} input
   * channels a layer. The embedding table and the LM head have bits and group size of their own.
   */
  public record Quantization(
      int weightBits, int groupSize, long outliers, int embeddingBits, int embeddingGroupSize, int accuracyLevel) {}

  /** The text whose squared gradients are the sensitivity. */
  public record Calibration(String source, String sha256, long windows, long windowTokens) {}

  /**
   * The values of one layer: {@code count} consecutive entries from {@code offset}, of a weight of rows x columns.
   *
   * <p>In scope channels the block is [entries, rows], one row for each of {@code entries} input channels; in scope
   * weights it is [entries], one for each single weight. {@code entriesOffset} says where the layer's part of the
   * tensor {@code entries} of values.safetensors begins.
   */
  public record Block(
      String layer, long rows, long columns, long offset, long count, long entriesOffset, long entries) {}

  /** The tuned entries: the layout of the graph's input {@code values} (K = count). */
  public record Values(
      String file,
      String scope,
      boolean perLayer,
      long firstLayer,
      double density,
      long count,
      long eligibleWeights,
      double sensitivityCaptured,
      Calibration calibration,
      List<Block> blocks) {
    /** Whether whole input channels are tuned, and not single weights. */
    public boolean ofChannels() {
      return scope.equals("channels");
    }
  }

  /** An input or output of the graph: ONNX element type and dimensions, each a String (a letter) or a Long. */
  public record Tensor(String name, String type, List<Object> shape) {}

  /**
   * The forward-only step graph for one engine; {@code opset} is null where it is not of ONNX.
   *
   * <p>{@code bounds} are the largest sizes of free dimensions by letter, and under {@code tokens} that of P * B * T;
   * none means any. {@code eps}, which may be null, and {@code epsCurve} are this engine's own in place of the
   * estimator's.
   */
  public record Graph(
      String engine,
      String file,
      String minimumEngineVersion,
      Long opset,
      List<String> domains,
      List<Tensor> inputs,
      List<Tensor> outputs,
      Map<String, Long> bounds,
      Double eps,
      List<EpsPoint> epsCurve) {}

  /**
   * How far projected gradients at {@code eps} are from the true derivatives: root-mean-square error over the
   * derivatives' root mean square, and correlation.
   */
  public record EpsPoint(double eps, double error, double correlation) {}

  /**
   * Defaults of the two-point estimate: SPSA over Rademacher directions, from a counter-based generator. The curve, eps
   * ascending, is what {@code eps} was chosen from.
   */
  public record Estimator(String kind, String directions, String rng, double eps, List<EpsPoint> epsCurve) {}

  /** Self-test vectors; {@code tolerance} is the largest absolute difference of nll (nats) that an engine may show. */
  public record Golden(String file, Map<String, Double> tolerance) {}

  /**
   * How another implementation read the checkpoint: the largest difference of a token's nll (nats) from the exporter's,
   * on the unquantized weights. {@code by} is its name and version; or why there was none, and then the difference is
   * null.
   */
  public record Reading(String by, long tokens, Double difference) {}

  /**
   * Mean nll (nats a token) of calibration text that sensitivity was not measured on: with the checkpoint's weights,
   * and with the bundle's on each engine.
   */
  public record HeldOut(long tokens, double checkpoint, Map<String, Double> engines) {}

  /** The estimator with the eps that was fitted on {@code engine}, or with the common one if it has none of its own. */
  public Estimator estimatorOf(String engine) {
    for (Graph graph : graphs) {
      if (graph.engine().equals(engine)) {
        return graph.eps() == null
            ? estimator
            : new Estimator(estimator.kind(), estimator.directions(), estimator.rng(), graph.eps(), graph.epsCurve());
      }
    }
    return estimator;
  }
}
