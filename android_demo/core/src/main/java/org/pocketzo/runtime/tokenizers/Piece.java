package org.pocketzo.runtime.tokenizers;

/**
 * A stretch of text on its way to the model, or an added token that was found in it.
 *
 * @param first whether it begins where the whole text begins
 * @param token the added token's id, or -1
 */
record Piece(String text, boolean first, int token) {
  static final int TEXT = -1;

  Piece(String text, boolean first) {
    this(text, first, TEXT);
  }
}
