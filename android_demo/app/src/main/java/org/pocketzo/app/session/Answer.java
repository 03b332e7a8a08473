package org.pocketzo.app.session;

import java.util.List;

/**
 * What the base model and the tuned one say to one text.
 *
 * @param labels the labels of a classification; empty for other tasks
 * @param base probabilities of the labels, or null
 * @param tuned the same of the tuned model, or null if nothing is tuned yet
 * @param baseText what the base model wrote; null in a classification
 * @param tunedText the same of the tuned model
 */
public record Answer(
    String text, List<String> labels, double[] base, double[] tuned, String baseText, String tunedText) {
  /** The index of the likeliest label. */
  public static int best(double[] probabilities) {
    int best = 0;
    for (int i = 1; i < probabilities.length; i++) {
      best = probabilities[i] > probabilities[best] ? i : best;
    }
    return best;
  }
}
