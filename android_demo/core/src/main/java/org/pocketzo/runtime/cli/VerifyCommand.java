package org.pocketzo.runtime.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.Verify;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Floats;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** verify: every hash, then the golden vectors. */
@Command(
    name = "verify",
    description = "Check every hash of a bundle, then run its golden vectors on each engine.",
    mixinStandardHelpOptions = true)
final class VerifyCommand implements Callable<Integer> {
  @Parameters(paramLabel = "BUNDLE", description = "Bundle folder.")
  private Path bundle;

  @Option(names = "--engine", description = "Engine to try: onnx (default: those held that this command has).")
  private List<String> engines = new ArrayList<>();

  @Mixin private Output output;

  @Override
  public Integer call() throws PocketzoException {
    Bundle opened = Opening.checked(bundle, output.json);
    if (engines.isEmpty()) {
      for (Manifest.Graph graph : opened.manifest().graphs()) {
        if (Engines.NAMES.contains(graph.engine())) {
          engines.add(graph.engine());
        }
      }
      if (engines.isEmpty()) {
        opened.graph(Engines.NAMES.get(0));
      }
    }
    List<Verify.Verdict> verdicts = new ArrayList<>();
    List<String> failed = new ArrayList<>();
    for (String name : engines) {
      try (Engine engine = Engines.open(name, opened, 0)) {
        verdicts.add(Verify.verify(opened, engine));
      }
      if (!verdicts.get(verdicts.size() - 1).passed()) {
        failed.add(name);
      }
    }
    if (output.json) {
      Output.printJson(content(opened, verdicts, failed.isEmpty()));
    } else {
      print(opened, verdicts);
    }
    if (!failed.isEmpty()) {
      throw new BadInput(
          bundle + ": the golden vectors fail on " + String.join(", ", failed) + ". This engine on this device does not"
              + " compute what was exported: do not tune on it; try another version of the engine.");
    }
    return 0;
  }

  private void print(Bundle opened, List<Verify.Verdict> verdicts) {
    Output.print(bundle + ": " + opened.manifest().files().size() + " files, every hash as the manifest says");
    for (Verify.Verdict verdict : verdicts) {
      Output.print(
          verdict.engine() + ": largest difference of nll "
              + String.format(Locale.ROOT, "%.2e", verdict.difference()) + " nats (limit "
              + Floats.general(verdict.tolerance()) + "), random words " + (verdict.rngEqual() ? "equal" : "DIFFER"));
    }
  }

  private static Map<String, Object> content(Bundle opened, List<Verify.Verdict> verdicts, boolean passed) {
    List<Object> engines = new ArrayList<>();
    for (Verify.Verdict verdict : verdicts) {
      Map<String, Object> engine = new LinkedHashMap<>();
      engine.put("engine", verdict.engine());
      engine.put("difference", verdict.difference());
      engine.put("tolerance", verdict.tolerance());
      engine.put("rng_equal", verdict.rngEqual());
      engine.put("passed", verdict.passed());
      engines.add(engine);
    }
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("hash", opened.hash());
    content.put("files", (long) opened.manifest().files().size());
    content.put("passed", passed);
    content.put("engines", engines);
    return content;
  }
}
