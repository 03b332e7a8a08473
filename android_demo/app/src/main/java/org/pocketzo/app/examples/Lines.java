package org.pocketzo.app.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.json.Json;

/** Examples as JSON Lines: what the app keeps, imports, exports and hands to the core. */
public final class Lines {
  private static final String[] TEXTS = {"text", "prompt", "sentence", "content"};
  private static final String[] ANSWERS = {"label", "completion", "answer"};

  /** A line that could not be used: its number from 1 and the reason. */
  public record Bad(int line, Reason reason) {}

  /** Why a line could not be used. */
  public enum Reason {
    NOT_JSON,
    NO_TEXT,
    NO_ANSWER,
    EMPTY
  }

  /** What was found: every usable example, and every line that was not. */
  public record Found(List<Item> items, List<Bad> bad) {}

  private Lines() {}

  /** The text of a data file with these examples. */
  public static String write(List<Item> items, Wording wording) {
    StringBuilder text = new StringBuilder();
    for (Item item : items) {
      text.append(Json.write(wording.record(item))).append('\n');
    }
    return text.toString();
  }

  /** Reads JSON Lines; empty lines are passed over, and a bad line does not keep the others from being read. */
  public static Found read(String text, Wording wording) {
    Found found = new Found(new ArrayList<>(), new ArrayList<>());
    String[] lines = withoutMark(text).split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      if (!lines[i].trim().isEmpty()) {
        readLine(lines[i], i + 1, wording, found);
      }
    }
    return found;
  }

  /**
   * Reads what a person pasted: JSON Lines, or a line an example with its label behind a tab, or plain lines that all
   * get {@code answer}.
   */
  public static Found readPasted(String text, String answer, Wording wording) {
    if (withoutMark(text).trim().startsWith("{")) {
      return read(text, wording);
    }
    Found found = new Found(new ArrayList<>(), new ArrayList<>());
    String[] lines = withoutMark(text).split("\r?\n", -1);
    for (int i = 0; i < lines.length; i++) {
      if (lines[i].trim().isEmpty()) {
        continue;
      }
      int tab = lines[i].lastIndexOf('\t');
      Item item = tab < 0
          ? new Item(lines[i].trim(), answer.trim())
          : new Item(lines[i].substring(0, tab).trim(), lines[i].substring(tab + 1).trim());
      add(item, i + 1, found);
    }
    return found;
  }

  private static String withoutMark(String text) {
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  private static void readLine(String line, int number, Wording wording, Found found) {
    Object content;
    try {
      content = Json.parse(line.trim());
    } catch (Json.Malformed e) {
      content = null;
    }
    if (!(content instanceof Map)) {
      found.bad.add(new Bad(number, Reason.NOT_JSON));
      return;
    }
    Map<?, ?> fields = (Map<?, ?>) content;
    String text = field(fields, wording.textKey(), TEXTS);
    String answer = field(fields, wording.answerKey(), ANSWERS);
    if (text == null || answer == null) {
      found.bad.add(new Bad(number, text == null ? Reason.NO_TEXT : Reason.NO_ANSWER));
      return;
    }
    add(new Item(text, answer), number, found);
  }

  private static void add(Item item, int number, Found found) {
    if (item.incomplete()) {
      found.bad.add(new Bad(number, Reason.EMPTY));
    } else {
      found.items.add(item);
    }
  }

  private static String field(Map<?, ?> fields, String first, String[] others) {
    Map<String, Object> named = new LinkedHashMap<>();
    named.put(first, fields.get(first));
    for (String other : others) {
      named.put(other, fields.get(other));
    }
    for (Object value : named.values()) {
      if (value instanceof String) {
        return (String) value;
      }
      if (value instanceof Long) {
        return value.toString();
      }
    }
    return null;
  }
}
