package org.pocketzo.runtime.tokenizers;

import java.util.List;

/** Cuts text into words. */
interface PreTokenizer {
  /** Appends the words of a piece that is not empty and no added token; empty ones may be among them. */
  void split(Piece piece, List<Piece> out);
}
