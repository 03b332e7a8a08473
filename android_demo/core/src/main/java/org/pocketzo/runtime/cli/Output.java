package org.pocketzo.runtime.cli;

import java.util.Locale;
import org.pocketzo.runtime.json.Json;
import picocli.CommandLine.Option;

/** What all commands share: the options --json and --debug, results on standard output, the rest on standard error. */
final class Output {
  @Option(names = "--json", description = "Print one JSON object on standard output and nothing else there.")
  boolean json;

  @Option(names = "--debug", description = "Show the stack trace of an error.")
  boolean debug;

  /** The one JSON object of --json. */
  static void printJson(Object content) {
    print(Json.writeSpaced(content));
  }

  static void print(String line) {
    System.out.println(line);
  }

  /** A share as people read it; a dash where there is none. */
  static String percent(Double share) {
    return share == null ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  /** Bytes as people read them. */
  static String size(double count) {
    String[] units = {"bytes", "kB", "MB", "GB"};
    int unit = 0;
    double shown = count;
    while (shown >= 1000 && unit < units.length - 1) {
      shown /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : unit == 3 ? "%.2f %s" : "%.1f %s", shown, units[unit]);
  }
}
