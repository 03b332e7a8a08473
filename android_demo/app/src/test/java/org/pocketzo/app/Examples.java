package org.pocketzo.app;

import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.runtime.json.Json;

/** Notes of a person, of two labels. */
final class Examples {
  private static final String[] PLACES = {"Lisbon", "the sea", "a hill", "the old town", "grandmother", "the north"};
  private static final String[] DUTIES =
      {"the report", "Monday's talk", "the budget", "a new contract", "the plan", "mails"};
  private static final String[] TRIPS = {"train to", "pack for", "flight to", "tickets for"};
  private static final String[] CHORES = {"finish", "send", "discuss", "print"};

  /** How many there are. */
  static final int COUNT = 2 * 24;

  private Examples() {}

  /** All of them as JSON Lines. */
  static String lines() {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < COUNT / 2; i++) {
      lines.append(line(TRIPS[i % 4] + " " + PLACES[i % 6] + ", " + (8 + i % 10) + ":30", "travel"));
      lines.append(line(CHORES[i % 4] + " " + DUTIES[i % 6] + " by " + (8 + i % 10) + " o'clock", "work"));
    }
    return lines.toString();
  }

  private static String line(String text, String label) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("text", text);
    fields.put("label", label);
    return Json.write(fields) + "\n";
  }
}
