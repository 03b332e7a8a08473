package org.pocketzo.app.examples;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tasks.Template;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/** Words that stand for a person's labels: each must be one token, and no two the same. */
final class LabelWords {
  private LabelWords() {}

  /** A word for each of {@code labels} behind {@code prompt}, the label itself where it will do. */
  static Map<String, Object> choose(List<String> labels, String prompt, Tokenizer tokenizer)
      throws PocketzoException {
    String end = Template.end(prompt);
    Map<String, Object> words = new LinkedHashMap<>();
    Set<Integer> taken = new HashSet<>();
    for (String label : labels) {
      words.put(label, word(label, end, tokenizer, taken));
    }
    return words;
  }

  private static String word(String label, String end, Tokenizer tokenizer, Set<Integer> taken)
      throws PocketzoException {
    for (String candidate : candidates(label)) {
      int[] ids = tokenizer.continuation(end + candidate);
      if (ids.length == 1 && taken.add(ids[0])) {
        return candidate;
      }
    }
    throw new BadInput(label + ": no word of the model can stand for this label. Use fewer labels.");
  }

  private static List<String> candidates(String label) {
    List<String> candidates = new ArrayList<>();
    String small = label.toLowerCase(Locale.ROOT);
    String first = label.trim().split("\\s+")[0];
    for (String word : new String[] {label, small, first, first.toLowerCase(Locale.ROOT)}) {
      candidates.add(" " + word);
    }
    candidates.add(label);
    candidates.add(small);
    // The label head learns what a word stands for, so that any word will do in the end.
    for (char letter = 'A'; letter <= 'Z'; letter++) {
      candidates.add(" " + letter);
    }
    for (char letter = 'A'; letter <= 'Z'; letter++) {
      candidates.add(" " + Character.toLowerCase(letter));
    }
    for (char letter = 'A'; letter <= 'Z'; letter++) {
      candidates.add(String.valueOf(letter));
      candidates.add(String.valueOf(Character.toLowerCase(letter)));
    }
    return candidates;
  }
}
