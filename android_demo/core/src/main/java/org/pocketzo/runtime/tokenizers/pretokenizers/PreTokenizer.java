package org.pocketzo.runtime.tokenizers.pretokenizers;

import java.util.List;

/** Cuts text into words. */
public interface PreTokenizer {
  /** Appends the words of a piece that is not empty and no added token; empty ones may be among them. */
  void split(Piece piece, List<Piece> out);
}
