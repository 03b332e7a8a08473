package org.pocketzo.runtime.tokenizers.patterns;

import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.text.Characters;

/** Reads one character or set of a pattern: a literal, an escape, or brackets with characters, ranges and escapes. */
final class SetParser {
  private static final String SPECIAL = ".^$|()[]{}*+?\\";

  private final String source;
  private final boolean ignoreCase;
  private final CharacterSet set = new CharacterSet();
  private boolean brackets;
  private int at;

  SetParser(String source, int at, boolean ignoreCase) {
    this.source = source;
    this.at = at;
    this.ignoreCase = ignoreCase;
  }

  /** Where the item at {@code at} ends, if it is well formed. */
  static int end(String source, int at) throws BadInput {
    SetParser parser = new SetParser(source, at, false);
    parser.parse();
    return parser.at;
  }

  CharacterSet parse() throws BadInput {
    if (!take("[")) {
      item(SPECIAL);
      return set.finish(false);
    }
    brackets = true;
    boolean negated = take("^");
    if (peek() == ']') {
      throw refused();
    }
    while (!take("]")) {
      if (source.startsWith("&&", at)) {
        throw refused();
      }
      item("[]");
    }
    return set.finish(negated);
  }

  private BadInput refused() {
    String why = "the pattern " + source + " has a character at place " + at + " that phones do not reproduce";
    return BadInput.of("tokenizer", why, Component.FIX);
  }

  private int peek() {
    return at < source.length() ? source.codePointAt(at) : -1;
  }

  private boolean take(String text) {
    boolean there = source.startsWith(text, at);
    at += there ? text.length() : 0;
    return there;
  }

  private void item(String refused) throws BadInput {
    int first = literal(refused);
    if (first < 0) {
      if (brackets && peek() == '-' && !source.startsWith("-]", at)) {
        throw refused();
      }
      return;
    }
    if (!brackets || peek() != '-' || source.startsWith("-]", at)) {
      addLiteral(first);
      return;
    }
    at++;
    int last = literal(refused);
    if (last < first || ignoreCase || first == '-' || last == '-') {
      throw refused();
    }
    set.addRange(first, last);
  }

  /** A character that stands for itself; -1 for an escape that stands for many, which is added. */
  private int literal(String refused) throws BadInput {
    int c = peek();
    if (c < 0 || c < 128 && c != '\\' && refused.indexOf(c) >= 0) {
      throw refused();
    }
    at += Character.charCount(c);
    return c == '\\' ? escape() : c;
  }

  private int escape() throws BadInput {
    int c = peek();
    at++;
    switch (c) {
      case 'r':
        return '\r';
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'f':
        return '\f';
      case 'v':
        return 0x0B;
      case 's', 'S':
        set.addProperty(Characters.SPACE, c == 'S');
        return -1;
      case 'w', 'W':
        set.addProperty(brackets ? Characters.BRACKET_WORD : Characters.PATTERN_WORD, c == 'W');
        return -1;
      case 'd', 'D':
        set.addCategories(Characters.categories("Nd"), c == 'D');
        return -1;
      case 'p', 'P':
        category(c == 'P');
        return -1;
      default:
        if (c <= ' ' || c >= 127 || Character.isLetterOrDigit(c)) {
          throw refused();
        }
        return c;
    }
  }

  private void category(boolean not) throws BadInput {
    int close = source.indexOf('}', at);
    if (!take("{") || close < 0) {
      throw refused();
    }
    int categories = Characters.categories(source.substring(at, close));
    if (categories == 0 || source.substring(at, close).startsWith("C")) {
      throw refused();
    }
    set.addCategories(categories, not);
    at = close + 1;
  }

  /** Without regard to case a letter has its other form, and the long s and the Kelvin sign are letters too. */
  private void addLiteral(int c) {
    set.addRange(c, c);
    if (ignoreCase && c >= 'a' && c <= 'z') {
      set.addRange(c - 32, c - 32);
      if (c == 's') {
        set.addRange(0x17F, 0x17F);
      } else if (c == 'k') {
        set.addRange(0x212A, 0x212A);
      }
    }
  }

  /**
   * Refuses a group without regard to case unless it holds small letters, apostrophes, brackets and alternatives alone,
   * and none of the pairs of letters that one character stands for.
   */
  static void checkFolding(String source, int start) throws BadInput {
    int end = source.indexOf(')', start);
    String inside = end < 0 ? "(" : source.substring(start, end);
    if (!inside.matches("[a-z'|\\[\\]]*") || inside.matches(".*(ss|st|ff|fi|fl).*")) {
      String why = "the pattern " + source + " ignores case in a way that phones do not reproduce";
      throw BadInput.of("tokenizer", why, Component.FIX);
    }
  }
}
