package org.pocketzo.runtime.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.run.Audit;
import org.pocketzo.runtime.trajectory.Evaluation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** replay: the values of a run, from its trajectory alone. */
@Command(
    name = "replay",
    description = "Recompute a run's values without the model, and say whether its files hold the same bits.",
    mixinStandardHelpOptions = true)
final class ReplayCommand implements Callable<Integer> {
  @Parameters(paramLabel = "RUN", description = "Folder of a run.")
  private Path run;

  @Option(names = "--bundle", required = true, description = "Bundle that the run was made on.")
  private Path bundle;

  @Option(names = "--out", description = "Write the recomputed values here too.")
  private Path out;

  @Mixin private Output output;

  @Override
  public Integer call() throws PocketzoException {
    Audit audit = Audit.audit(run, Opening.checked(bundle, output.json));
    if (out != null) {
      audit.write(out);
    }
    if (output.json) {
      Output.printJson(content(audit));
    } else {
      print(audit);
    }
    if (!audit.same()) {
      throw new BadInput(
          run + ": its values are not what its trajectory gives. Trust neither; --out writes the replayed.");
    }
    return 0;
  }

  private static Map<String, Object> content(Audit audit) {
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("steps", (long) audit.run().state().step());
    content.put("best_step", (long) audit.run().bestStep());
    content.put("files", audit.files());
    content.put("same", audit.same());
    content.put("bytes_a_step", audit.bytesAStep());
    return content;
  }

  private static void print(Audit audit) {
    Evaluation best = audit.run().best();
    String right = best == null || best.accuracy() == null ? "" : ", best " + Output.percent(best.accuracy());
    Output.print(
        audit.run().state().step() + " steps replayed" + right + "; "
            + String.format(Locale.ROOT, "%.0f", audit.bytesAStep()) + " bytes a step");
    for (Map.Entry<String, Boolean> file : audit.files().entrySet()) {
      Output.print(file.getKey() + ": " + (file.getValue() ? "the same to the bit" : "DIFFERS"));
    }
    if (audit.files().isEmpty()) {
      Output.print("no values file there to compare with");
    }
  }
}
