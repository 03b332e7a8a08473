package org.pocketzo.runtime.tokenizers.normalizers;

/** Changes a text before it is cut. */
public interface Normalizer {
  String normalize(String text);
}
