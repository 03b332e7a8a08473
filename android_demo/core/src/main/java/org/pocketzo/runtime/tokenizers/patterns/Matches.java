package org.pocketzo.runtime.tokenizers.patterns;

/** Where a pattern, a text or a kind of character is found. */
public interface Matches {
  /** Receives the stretches of a text one after another, from its beginning to its end. */
  interface Stretches {
    void take(int start, int end, boolean match);
  }

  /** Finds the next match at or after {@code from} and puts its start and end into {@code found}; false if none. */
  boolean next(String text, int from, int[] found);

  /**
   * Cuts a text into stretches that match and stretches between them. A match without characters is one too, but not
   * right behind another match.
   */
  default void cut(String text, Stretches out) {
    int[] found = new int[2];
    int covered = 0;
    int lastMatch = -1;
    for (int from = 0; from <= text.length() && next(text, from, found); ) {
      from = found[1];
      if (found[0] == found[1] && found[1] == lastMatch) {
        from += from < text.length() ? Character.charCount(text.codePointAt(from)) : 1;
        continue;
      }
      lastMatch = found[1];
      if (covered < found[0]) {
        out.take(covered, found[0], false);
      }
      out.take(found[0], found[1], true);
      covered = found[1];
    }
    if (covered < text.length()) {
      out.take(covered, text.length(), false);
    }
  }

  /** Every character that has a property is a match of its own. */
  static Matches property(int property) {
    CharacterSet set = new CharacterSet();
    set.addProperty(property, false);
    set.finish(false);
    return (text, from, found) -> {
      for (int i = from; i < text.length(); ) {
        int c = text.codePointAt(i);
        int end = i + Character.charCount(c);
        if (set.contains(c)) {
          found[0] = i;
          found[1] = end;
          return true;
        }
        i = end;
      }
      return false;
    };
  }

  /** A text that is not empty, as it is written. */
  static Matches literal(String wanted) {
    return (text, from, found) -> {
      found[0] = text.indexOf(wanted, from);
      found[1] = found[0] + wanted.length();
      return found[0] >= 0;
    };
  }
}
