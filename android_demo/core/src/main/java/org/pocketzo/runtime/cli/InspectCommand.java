package org.pocketzo.runtime.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.limits.Memory;
import org.pocketzo.runtime.numbers.Floats;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** inspect: what is inside of a bundle. */
@Command(
    name = "inspect",
    description = "Show what a bundle holds: model, tuned values, sizes, and the memory a run needs.",
    mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
  @Parameters(paramLabel = "BUNDLE", description = "Bundle folder.")
  private Path bundle;

  @Option(names = "--batch", defaultValue = "16", description = "Examples a step, for the memory estimate.")
  private int batch;

  @Option(names = "--tokens", defaultValue = "64", description = "Tokens an example, for the memory estimate.")
  private int tokens;

  @Mixin private Output output;

  @Override
  public Integer call() throws PocketzoException {
    if (batch < 1 || tokens < 1) {
      throw new UsageError("--batch " + batch + " --tokens " + tokens + ": must be at least 1.");
    }
    Bundle opened = Bundle.open(bundle, false, (done, total) -> {});
    Memory.Estimate memory = Memory.estimate(opened.manifest(), batch, tokens, 1, 1);
    long total = 0;
    for (Manifest.FileEntry file : opened.manifest().files().values()) {
      total += file.bytes();
    }
    if (output.json) {
      Output.printJson(content(opened, total, memory));
      return 0;
    }
    for (Map.Entry<String, String> fact : facts(opened, total, memory).entrySet()) {
      Output.print(String.format(Locale.ROOT, "%-12s  %s", fact.getKey(), fact.getValue()));
    }
    return 0;
  }

  private Map<String, Object> content(Bundle opened, long total, Memory.Estimate memory) throws PocketzoException {
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("hash", opened.hash());
    content.put("bytes", total);
    content.put("memory_bytes", memory.total());
    Object manifest = Json.read(bundle.resolve(Manifest.NAME), "manifest");
    for (Map.Entry<?, ?> member : ((Map<?, ?>) manifest).entrySet()) {
      if (!member.getKey().equals("seal")) {
        content.put((String) member.getKey(), member.getValue());
      }
    }
    return content;
  }

  private Map<String, String> facts(Bundle opened, long total, Memory.Estimate memory) {
    Manifest manifest = opened.manifest();
    Manifest.Model model = manifest.model();
    Manifest.Quantization quantization = manifest.quantization();
    Manifest.Values values = manifest.values();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("model", text(
        "%s (%s, %,d parameters, %d layers)", model.name(), model.family(), model.parameters(), model.layers()));
    facts.put("vocabulary", text("%,d words, context %,d tokens", model.vocabulary(), model.contextTokens()));
    facts.put("weights", text(
        "%d bits%s, embedding and LM head %d bits in groups of %d, accuracy level %d",
        quantization.weightBits(),
        quantization.groupSize() == 0 ? " a channel" : " in groups of " + quantization.groupSize(),
        quantization.embeddingBits(), quantization.embeddingGroupSize(), quantization.accuracyLevel()));
    facts.put("values", text(
        "%,d of %,d (%s), scope %s, layers from %d, %s of the sensitivity",
        values.count(), values.eligibleWeights(),
        Output.percent((double) values.count() / values.eligibleWeights()), values.scope(), values.firstLayer(),
        Output.percent(values.sensitivityCaptured())));
    facts.put("reading", reading(manifest.reading()));
    facts.put("quantization", price(manifest));
    facts.put("perturbation", "eps " + Floats.general(manifest.estimatorOf(Engines.DEFAULT).eps()));
    facts.put("engines", engines(manifest));
    facts.put("task", manifest.task() == null ? "none stored" : manifest.task().get("kind") + " (default)");
    facts.put("size", Output.size(total));
    facts.put("memory", text(
        "about %s for a run with %d examples of %d tokens a step: process %s, weights %s, activations %s, values %s",
        Output.size(memory.total()), batch, tokens, Output.size(memory.process()), Output.size(memory.weights()),
        Output.size(memory.activations()), Output.size(memory.values())));
    facts.put("hash", opened.hash());
    return facts;
  }

  /** Who else read the checkpoint, and how near to the exporter. */
  private static String reading(Manifest.Reading reading) {
    if (reading == null) {
      return "not compared with another one (the bundle says nothing of it)";
    }
    if (reading.difference() == null) {
      return "not compared with another one: " + reading.by();
    }
    return text("as %s reads it, within %.1e nats a token on %d tokens",
        reading.by(), reading.difference(), reading.tokens());
  }

  /** What the bundle's weights cost on text that nothing was measured on. */
  private static String price(Manifest manifest) {
    Manifest.HeldOut held = manifest.heldOut();
    if (held == null) {
      return "its price is not known: no text was held out";
    }
    List<String> costs = new ArrayList<>();
    for (Map.Entry<String, Double> nll : held.engines().entrySet()) {
      costs.add(text("%+.3f nats a token on %s", nll.getValue() - held.checkpoint(), nll.getKey()));
    }
    return text("%d bits cost %s, from %.3f (%,d tokens of held-out text)",
        manifest.quantization().weightBits(), String.join(", ", costs), held.checkpoint(), held.tokens());
  }

  private static String engines(Manifest manifest) {
    List<String> engines = new ArrayList<>();
    for (Manifest.Graph graph : manifest.graphs()) {
      engines.add(graph.engine() + " " + graph.minimumEngineVersion() + " or later");
    }
    return String.join(", ", engines);
  }

  private static String text(String format, Object... parts) {
    return String.format(Locale.ROOT, format, parts);
  }
}
