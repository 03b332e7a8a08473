package org.pocketzo.runtime.tokenizers.models;

import org.pocketzo.runtime.tokenizers.description.Vocabulary;
import org.pocketzo.runtime.tokenizers.text.IntList;

/** The longest token that fits, again and again; a word that cannot be cut so is unknown as a whole. */
final class WordPiece implements Model {
  private final Vocabulary vocabulary;
  private final int unknown;
  private final String prefix;
  private final long longest;

  /** @param longest characters of a word, above which it is unknown */
  WordPiece(Vocabulary vocabulary, int unknown, String prefix, long longest) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.prefix = prefix;
    this.longest = longest;
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String word, IntList out) {
    IntList found = new IntList();
    boolean cut = word.codePointCount(0, word.length()) <= longest;
    for (int start = 0; cut && start < word.length(); ) {
      int end = longestFrom(word, start, found);
      cut = end > start;
      start = end;
    }
    if (cut) {
      out.addAll(found.toArray());
    } else {
      out.add(unknown);
    }
  }

  /** The end of the longest token at {@code start}, which is added to {@code found}; {@code start} if there is none. */
  private int longestFrom(String word, int start, IntList found) {
    String rest = start == 0 ? word : prefix + word.substring(start);
    int skipped = start == 0 ? 0 : prefix.length();
    for (int end = rest.length(); end > skipped; end -= Character.charCount(rest.codePointBefore(end))) {
      int id = vocabulary.find(rest, 0, end);
      if (id != Vocabulary.MISSING) {
        found.add(id);
        return start + end - skipped;
      }
    }
    return start;
  }
}
