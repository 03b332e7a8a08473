package org.pocketzo.runtime.tokenizers;

import org.pocketzo.runtime.PocketzoException;

/** Text to token ids: prompts begin as the model expects (BOS if it has one), words stand alone. */
public interface Tokenizer {
  /** Token ids of a text that opens a sequence, special tokens included. */
  int[] prompt(String text) throws PocketzoException;

  /** Token ids of a text that follows others, without special tokens. */
  int[] continuation(String text) throws PocketzoException;

  /** Token ids of a text that has its special tokens written out, as {@link ChatFormat} makes it: none are added. */
  int[] written(String text) throws PocketzoException;

  /** The text of token ids, special tokens included as they are written. */
  String decode(int[] ids);

  /** The largest token id, added tokens included. */
  int largestId();
}
