package org.pocketzo.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;

/**
 * The label head: in a classification, a linear layer from the final hidden state to what each label's score gains.
 *
 * <p>The scores of the label words are linear in the final hidden state, which each forward pass gives; so what a
 * change of these weights is worth can be computed exactly, and needs neither a gradient of the model nor a
 * perturbation: logistic regression, one pass an example. The steps of the loop do not see it; it is fitted to what
 * they have made of the hidden states.
 *
 * <p>{@code weights} [W][H + 1] are, for each label, weights of the final hidden state and a bias; never written to.
 */
public record LabelHead(float[][] weights) {
  /** What the scores of the labels gain [W] for a final hidden state [H]. */
  public double[] added(float[] hidden) {
    double[] added = new double[weights.length];
    for (int w = 0; w < added.length; w++) {
      double sum = 0;
      for (int h = 0; h < hidden.length; h++) {
        sum += (double) hidden[h] * weights[w][h];
      }
      added[w] = sum + weights[w][hidden.length];
    }
    return added;
  }

  /** The weights as 32-bit floats, little-endian, row by row. */
  public byte[] bytes() {
    ByteBuffer bytes = ByteBuffer.allocate(4 * weights.length * weights[0].length).order(ByteOrder.LITTLE_ENDIAN);
    for (float[] row : weights) {
      for (float weight : row) {
        bytes.putFloat(weight);
      }
    }
    return bytes.array();
  }

  /** Base64 of {@link #bytes}. */
  public String encode() {
    return Base64.getEncoder().encodeToString(bytes());
  }

  /** The head that {@link #encode} wrote for W labels and hidden states of H numbers; null if {@code text} is none. */
  public static LabelHead decode(String text, int labels, int hiddenSize) {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(text);
    } catch (IllegalArgumentException e) {
      return null;
    }
    if (labels == 0 || bytes.length != 4L * labels * (hiddenSize + 1) || !text.equals(canonical(bytes))) {
      return null;
    }
    ByteBuffer floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    float[][] weights = new float[labels][hiddenSize + 1];
    for (float[] row : weights) {
      for (int i = 0; i < row.length; i++) {
        row[i] = floats.getFloat();
        if (Float.isNaN(row[i]) || Float.isInfinite(row[i])) {
          return null;
        }
      }
    }
    return new LabelHead(weights);
  }

  // Java's decoder takes text without its padding, which Python's refuses.
  private static String canonical(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }
}
