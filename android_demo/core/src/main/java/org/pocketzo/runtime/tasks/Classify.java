package org.pocketzo.runtime.tasks;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.LabelBias;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/**
 * classify: one label word after a prompt. The loss is cross-entropy over the label words alone; these are single
 * tokens, so one position of one pass scores all of them.
 *
 * <p>Spaces that end the template are read as the beginning of each word, and those that end a record's own text not at
 * all: the words are the same for every record.
 */
public final class Classify implements Task {
  public static final String KIND = "classify";

  /** What a task file of this kind may hold besides. */
  static final List<String> KEYS = Collections.unmodifiableList(Arrays.asList("prompt", "labels"));

  private final String prompt;
  private final Tokenizer tokenizer;
  private final List<String> labels;
  private final int[] words;

  /** Throws BadInput if prompt or labels are missing, a label word is not one token, or two share a token. */
  Classify(Map<String, Object> definition, Object where, Tokenizer tokenizer, int vocabulary)
      throws PocketzoException {
    this.tokenizer = tokenizer;
    prompt = Template.check(definition.get("prompt"), where, "prompt", "Review: {text}\\nSentiment:");
    if (Template.fields(prompt).contains("label")) {
      throw BadInput.of(where, "\"prompt\" shows the model the answer", "Remove {label} from it");
    }
    Map<String, String> wordOf = wordsByLabel(definition.get("labels"), where);
    labels = Collections.unmodifiableList(new ArrayList<>(wordOf.keySet()));
    words = new int[labels.size()];
    for (int i = 0; i < words.length; i++) {
      words[i] = labelWord(where, labels.get(i), Template.end(prompt), wordOf.get(labels.get(i)));
    }
    checkWords(where, vocabulary);
  }

  /** The labels that {@code definition} maps to words, in its order. */
  static List<String> labelsOf(Map<String, Object> definition) {
    List<String> labels = new ArrayList<>();
    if (definition.get("labels") instanceof Map<?, ?> words) {
      for (Object label : words.keySet()) {
        labels.add((String) label);
      }
    }
    return labels;
  }

  private static Map<String, String> wordsByLabel(Object content, Object where) throws BadInput {
    Map<String, String> words = new LinkedHashMap<>();
    if (content instanceof Map) {
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) content).entrySet()) {
        if (entry.getValue() instanceof String) {
          words.put((String) entry.getKey(), (String) entry.getValue());
        }
      }
    }
    if (words.size() < 2 || words.size() != ((Map<?, ?>) content).size()) {
      throw BadInput.of(
          where, "\"labels\" must map at least two labels to words",
          "Such as {\"good\": \" good\", \"bad\": \" bad\"}");
    }
    return words;
  }

  /** The token of {@code word} behind a prompt that ends in the spaces {@code end}; throws BadInput if not one. */
  private int labelWord(Object where, String label, String end, String word) throws PocketzoException {
    int[] ids = word.isEmpty() ? new int[0] : tokenizer.continuation(end + word);
    if (ids.length == 1) {
      return ids[0];
    }
    if (ids.length == 0) {
      throw BadInput.of(where, "the word of label \"" + label + "\" is empty", "Give it a word");
    }
    List<String> shown = new ArrayList<>();
    for (int id : ids) {
      shown.add(token(id));
    }
    throw BadInput.of(
        where,
        "the word '" + end + word + "' of label \"" + label + "\" is " + ids.length + " tokens ("
            + String.join(", ", shown) + "), and must be one",
        shorter(end, word));
  }

  private static String shorter(String end, String word) {
    String fix = "Choose a shorter or more common word";
    if (!end.isEmpty()) {
      return (end + word).startsWith("  ")
          ? "Leave one space between prompt and word: what the prompt ends in is read as part of the words"
          : fix + " (the prompt ends in white space, which is read as part of the words)";
    }
    return word.startsWith(" ") ? fix : fix + " (in most tokenizers \" " + word + "\", with a space first, is shorter)";
  }

  private String token(int id) {
    return "'" + tokenizer.decode(new int[] {id}) + "'";
  }

  private void checkWords(Object where, int vocabulary) throws BadInput {
    for (int i = 0; i < words.length; i++) {
      if (words[i] >= vocabulary) {
        throw BadInput.of(where, "a label word is a token that the model does not have", "Choose another word");
      }
      for (int j = 0; j < i; j++) {
        if (words[i] == words[j]) {
          throw BadInput.of(
              where,
              "labels \"" + labels.get(j) + "\" and \"" + labels.get(i) + "\" have words that start with the same token"
                  + " (" + token(words[i]) + "), so they cannot be told apart",
              "Give one of them another word");
        }
      }
    }
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public List<String> labels() {
    return labels;
  }

  @Override
  public long[] words() {
    long[] tokens = new long[words.length];
    for (int i = 0; i < words.length; i++) {
      tokens[i] = words[i];
    }
    return tokens;
  }

  /** Scores every label word at the last token of the prompt (S = 1, L = number of labels). */
  @Override
  public Example example(DataRecord record) throws PocketzoException {
    int answer = answer(record);
    int[] tokens = tokenizer.prompt(Template.body(Template.fill(prompt, record)));
    if (tokens.length == 0) {
      throw new BadInput(record.where() + ": the prompt is empty. Give it at least one character that is no space.");
    }
    return new Example(tokens, new int[] {tokens.length - 1}, words.clone(), record.where(), answer);
  }

  private int answer(DataRecord record) throws BadInput {
    Object label = record.fields().get("label");
    if (label instanceof Long || label instanceof BigInteger) {
      label = label.toString();
    }
    if (label instanceof String && labels.contains(label)) {
      return labels.indexOf(label);
    }
    String problem = "label \"" + label + "\" is not one of the task's";
    String fix = "Mend the line or the task file.";
    if (!record.fields().containsKey("label")) {
      problem = "lacks the key \"label\"";
    } else if (!(label instanceof String)) {
      problem = "the label is " + DataRecord.named(label) + ", and must be a text";
      fix = labelFix(label);
    }
    throw new BadInput(
        record.where() + ": " + problem + " (labels: " + String.join(", ", labels) + "). " + fix);
  }

  /** What to write in place of a label that is no text: the label that is written like it, if there is one. */
  private String labelFix(Object value) {
    List<String> alike = new ArrayList<>();
    if (!(value instanceof List || value instanceof Map)) {
      alike.add(DataRecord.written(value));
    }
    if (value instanceof Double && Math.rint((Double) value) == (Double) value && !Double.isInfinite((Double) value)) {
      alike.add(new BigDecimal((Double) value).toBigInteger().toString());
    }
    for (String label : labels) {
      if (alike.contains(label.toLowerCase(Locale.ROOT))) {
        return "Write \"label\": \"" + label + "\".";
      }
    }
    return "Write one of the labels, in quotes.";
  }

  /** Loss: nll of the right label. Right: no other label scores better. */
  @Override
  public Judgement judge(double[][] nll, List<Example> examples) {
    double[] losses = new double[nll.length];
    boolean[] right = new boolean[nll.length];
    double[] none = new double[words.length];
    for (int b = 0; b < nll.length; b++) {
      double[] logP = LabelBias.logProbabilities(nll[b], none);
      int answer = examples.get(b).answer();
      losses[b] = -logP[answer];
      right[b] = best(logP) == answer;
    }
    return new Judgement(losses, right);
  }

  /** The index of the largest number, the first of equals. */
  private static int best(double[] scores) {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }
}
