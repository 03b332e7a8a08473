package org.pocketzo.runtime.tokenizers;

import org.pocketzo.runtime.errors.PocketzoException;

/** Text to token ids: prompts begin as the model expects (BOS if it has one), words stand alone. */
public interface Tokenizer {
  /**
   * Token ids of a text that opens a sequence: behind what the tokenizer puts before a text (BOS, [CLS]), and without
   * what it puts after one (EOS, [SEP]), since more is to follow.
   */
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
