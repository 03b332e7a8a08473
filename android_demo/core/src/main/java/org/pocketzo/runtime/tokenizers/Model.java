package org.pocketzo.runtime.tokenizers;

/** Cuts a word, as the pre-tokenizer left it, into tokens of the vocabulary. */
interface Model {
  /** Appends the ids of a word that is not empty. */
  void tokenize(String word, IntList out);

  Vocabulary vocabulary();
}
