package org.pocketzo.runtime.tokenizers.pretokenizers;

import java.util.List;
import org.pocketzo.runtime.tokenizers.patterns.Matches;
import org.pocketzo.runtime.tokenizers.text.IntList;

/** What becomes of the stretches that match where a text is cut. */
enum Behavior {
  REMOVED,
  ISOLATED,
  CONTIGUOUS,
  MERGED_WITH_PREVIOUS,
  MERGED_WITH_NEXT;

  /** The behavior of a name as tokenizer.json writes it, or null. */
  static Behavior of(String name) {
    switch (name) {
      case "Removed":
        return REMOVED;
      case "Isolated":
        return ISOLATED;
      case "Contiguous":
        return CONTIGUOUS;
      case "MergedWithPrevious":
        return MERGED_WITH_PREVIOUS;
      case "MergedWithNext":
        return MERGED_WITH_NEXT;
      default:
        return null;
    }
  }

  /** Appends what a piece is cut into. With {@code invert}, what matches is what did not, and the other way round. */
  void split(Piece piece, Matches pattern, boolean invert, List<Piece> out) {
    IntList bounds = new IntList();
    pattern.cut(
        piece.text(),
        (start, end, match) -> {
          bounds.add(start);
          bounds.add(end);
          bounds.add(match != invert ? 1 : 0);
        });
    int[] stretches = bounds.toArray();
    int count = stretches.length / 3;
    for (int i = 0; i < count; ) {
      int last = lastOf(stretches, i, count);
      if (this != REMOVED || stretches[3 * i + 2] == 0) {
        int start = stretches[3 * i];
        String text = piece.text().substring(start, stretches[3 * last + 1]);
        out.add(new Piece(text, piece.first() && start == 0));
      }
      i = last + 1;
    }
  }

  /** The last of the stretches that stay together with stretch {@code i}. */
  private int lastOf(int[] stretches, int i, int count) {
    boolean match = stretches[3 * i + 2] == 1;
    boolean more = i + 1 < count;
    switch (this) {
      case CONTIGUOUS:
        int last = i;
        while (last + 1 < count && stretches[3 * last + 5] == stretches[3 * i + 2]) {
          last++;
        }
        return last;
      case MERGED_WITH_PREVIOUS:
        return !match && more && stretches[3 * i + 5] == 1 ? i + 1 : i;
      case MERGED_WITH_NEXT:
        return match && more && stretches[3 * i + 5] == 0 ? i + 1 : i;
      default:
        return i;
    }
  }
}
