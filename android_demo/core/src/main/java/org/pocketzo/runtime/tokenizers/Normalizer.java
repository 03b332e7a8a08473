package org.pocketzo.runtime.tokenizers;

/** Changes a text before it is cut. */
interface Normalizer {
  String normalize(String text);
}
