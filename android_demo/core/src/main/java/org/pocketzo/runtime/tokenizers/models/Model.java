package org.pocketzo.runtime.tokenizers.models;

import org.pocketzo.runtime.tokenizers.description.Vocabulary;
import org.pocketzo.runtime.tokenizers.text.IntList;

/** Cuts a word, as the pre-tokenizer left it, into tokens of the vocabulary. */
public interface Model {
  /** Appends the ids of a word that is not empty. */
  void tokenize(String word, IntList out);

  Vocabulary vocabulary();
}
