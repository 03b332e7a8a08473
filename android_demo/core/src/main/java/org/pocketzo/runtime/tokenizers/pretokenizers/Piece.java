package org.pocketzo.runtime.tokenizers.pretokenizers;

/**
 * A stretch of text on its way to the model, or an added token that was found in it.
 *
 * @param first whether it begins where the whole text begins
 * @param token the added token's id, or -1
 */
public record Piece(String text, boolean first, int token) {
  public static final int TEXT = -1;

  public Piece(String text, boolean first) {
    this(text, first, TEXT);
  }
}
