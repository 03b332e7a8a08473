package org.pocketzo.app.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tasks.Classify;
import org.pocketzo.runtime.tasks.Complete;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/**
 * What kind of task the app teaches and how it is put to the model: the bundle's own task, or one that suits any text.
 *
 * @param textKey the field of a record that holds the text
 * @param answerKey the field that holds the label or the continuation
 */
public record Wording(boolean classifies, String textKey, String answerKey, Map<String, Object> stored) {
  private static final Pattern PLACE = Pattern.compile("\\{([A-Za-z_][A-Za-z0-9_]*)\\}");
  private static final String PROMPT = "Text: {text}\nLabel:";

  /** The wording of a bundle: {@code task} is its own task as a task file writes it, or null. */
  public static Wording of(Map<String, Object> task) {
    if (task != null && Complete.KIND.equals(task.get("kind"))) {
      String text = place(task.get("prompt"), "prompt");
      String answer = place(task.get("completion"), "completion");
      boolean usable = text != null && answer != null && !text.equals(answer);
      return usable
          ? new Wording(false, text, answer, task)
          : new Wording(false, "prompt", "completion", null);
    }
    String text = task == null ? null : place(task.get("prompt"), null);
    return text == null ? new Wording(true, "text", "label", null) : new Wording(true, text, "label", task);
  }

  /** The one field that a template has, {@code otherwise} without a template, null if it has several. */
  private static String place(Object template, String otherwise) {
    if (!(template instanceof String)) {
      return otherwise;
    }
    Matcher matcher = PLACE.matcher((String) template);
    String found = null;
    while (matcher.find()) {
      if (found != null && !found.equals(matcher.group(1))) {
        return null;
      }
      found = matcher.group(1);
    }
    return found;
  }

  /** The labels that the bundle's own task names; none if it has none. */
  public List<String> labels() {
    List<String> labels = new ArrayList<>();
    if (stored != null && stored.get("labels") instanceof Map<?, ?> named) {
      for (Object label : named.keySet()) {
        labels.add((String) label);
      }
    }
    return labels;
  }

  /** A record of the data file that the core reads. */
  public Map<String, Object> record(Item item) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put(textKey, item.text());
    fields.put(answerKey, item.answer());
    return fields;
  }

  /**
   * The task for these labels, as a task file writes it. Where the bundle's own names them all, it is the bundle's.
   *
   * @throws PocketzoException if no word can stand for a label
   */
  public Map<String, Object> task(List<String> labels, Tokenizer tokenizer) throws PocketzoException {
    Map<String, Object> task = new LinkedHashMap<>();
    if (!classifies) {
      if (stored != null) {
        return stored;
      }
      task.put("kind", Complete.KIND);
      return task;
    }
    if (stored != null && labels().containsAll(labels)) {
      return stored;
    }
    task.put("kind", Classify.KIND);
    String prompt = stored == null ? PROMPT : (String) stored.get("prompt");
    task.put("prompt", prompt);
    task.put("labels", LabelWords.choose(labels, prompt, tokenizer));
    return task;
  }
}
