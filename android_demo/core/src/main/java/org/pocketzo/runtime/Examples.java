package org.pocketzo.runtime;

import java.util.Arrays;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;

/** How examples become the arrays of the step graph. */
public final class Examples {
  private Examples() {}

  /** Right-pads {@code examples} to one T, S and L. A padded label has token id -1 and scores 0. */
  public static Batch collate(List<Example> examples, long[] words) {
    int tokens = 0;
    int scored = 0;
    int labels = 0;
    for (Example example : examples) {
      tokens = Math.max(tokens, example.tokens().length);
      scored = Math.max(scored, example.positions().length);
      labels = Math.max(labels, example.targets().length);
    }
    int count = examples.size();
    long[][] inputIds = new long[count][];
    long[][] positions = new long[count][];
    long[][] targets = new long[count][];
    int[] answers = new int[count];
    for (int b = 0; b < count; b++) {
      Example example = examples.get(b);
      inputIds[b] = padded(example.tokens(), tokens, 0);
      positions[b] = padded(example.positions(), scored, 0);
      targets[b] = padded(example.targets(), labels, -1);
      answers[b] = example.answer();
    }
    return new Batch(inputIds, positions, targets, words, answers[0] < 0 ? null : answers);
  }

  private static long[] padded(int[] content, int length, long padding) {
    long[] padded = new long[length];
    Arrays.fill(padded, padding);
    for (int i = 0; i < content.length; i++) {
      padded[i] = content[i];
    }
    return padded;
  }

  /**
   * Refuses what an engine would not: they read on beyond the end of a table.
   *
   * @throws BadInput if a token, label, word or position lies outside of what it points into (N = {@code vocabulary})
   */
  public static void checkRange(Batch batch, int vocabulary) throws BadInput {
    int tokens = batch.inputIds()[0].length;
    checkLimits("input_ids", batch.inputIds(), 0, vocabulary);
    checkLimits("label_ids", batch.labelIds(), -1, vocabulary);
    checkLimits("words", new long[][] {batch.words()}, 0, vocabulary);
    checkLimits("label_positions", batch.labelPositions(), 0, tokens);
    int scored = batch.labelPositions()[0].length;
    int labels = batch.labelIds()[0].length;
    if (labels % scored != 0) {
      throw new BadInput(
          "label_ids: " + labels + " an example, and must be a multiple of its " + scored + " label_positions.");
    }
  }

  private static void checkLimits(String name, long[][] array, long least, long end) throws BadInput {
    long smallest = Long.MAX_VALUE;
    long largest = Long.MIN_VALUE;
    for (long[] row : array) {
      for (long x : row) {
        smallest = Math.min(smallest, x);
        largest = Math.max(largest, x);
      }
    }
    if (smallest < least || largest >= end) {
      throw new BadInput(
          name + ": " + smallest + " to " + largest + ", and the limits are " + least + " and " + (end - 1) + ".");
    }
  }

  /**
   * The example itself.
   *
   * @throws BadInput if it is longer than the model's context, or holds a token that only the tokenizer has
   */
  public static Example checkFits(Example example, long contextTokens, long vocabulary) throws BadInput {
    if (example.tokens().length > contextTokens) {
      throw new BadInput(
          example.where() + ": has " + example.tokens().length + " tokens with its prompt, and the model's context is "
              + contextTokens + ". Shorten the text or the prompt.");
    }
    int largest = Math.max(largest(example.tokens()), largest(example.targets()));
    if (largest >= vocabulary) {
      throw new BadInput(
          example.where() + ": holds token " + largest + ", a special one of the tokenizer, and the model's vocabulary"
              + " ends at " + (vocabulary - 1) + ". Take it out of the text.");
    }
    return example;
  }

  private static int largest(int[] ids) {
    int largest = -1;
    for (int id : ids) {
      largest = Math.max(largest, id);
    }
    return largest;
  }
}
