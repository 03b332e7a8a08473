package org.pocketzo.runtime.tokenizers.text;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Properties of code points as the `tokenizers` library has them. Android's and the JVM's own differ with the version
 * of Unicode; these are measured on the library (characters.txt).
 */
public final class Characters {
  /** General categories in the order of their numbers, from 1. */
  public static final List<String> CATEGORIES =
      Arrays.asList(
          ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn").split(" "));

  /** White space, for patterns and for everything else. */
  public static final int SPACE = 1 << 5;
  /** What \w matches in patterns. */
  public static final int PATTERN_WORD = 1 << 6;
  /** What \w matches in the pre-tokenizer Whitespace and around added tokens. */
  public static final int WORD = 1 << 7;
  /** Digits of the pre-tokenizer Digits. */
  public static final int NUMERIC = 1 << 8;
  /** Punctuation of the pre-tokenizers Punctuation and BertPreTokenizer. */
  public static final int PUNCTUATION = 1 << 9;
  /** What BertNormalizer takes out of a text when it cleans it. */
  public static final int CONTROL = 1 << 10;
  /** What BertNormalizer takes for an accent. */
  public static final int BERT_ACCENT = 1 << 11;
  /** What StripAccents takes for an accent. */
  public static final int ACCENT = 1 << 12;
  /** What \w matches within the brackets of a pattern. */
  public static final int BRACKET_WORD = 1 << 13;

  // From the root, for a shrinker may give the class another package.
  private static final String FOLDER = "/org/pocketzo/runtime/tokenizers/text/";
  private static final int CATEGORY = 31;
  private static final int QUICK = 0x800;

  private static final int[] STARTS;
  private static final short[] PROPERTIES;
  private static final short[] FIRST = new short[QUICK];

  static {
    List<String> lines = lines("characters.txt");
    STARTS = new int[lines.size()];
    PROPERTIES = new short[lines.size()];
    int start = 0;
    for (int i = 0; i < STARTS.length; i++) {
      String[] parts = lines.get(i).split(" ");
      STARTS[i] = start;
      PROPERTIES[i] = Short.parseShort(parts[1], 16);
      start += Integer.parseInt(parts[0], 16);
    }
    for (int c = 0; c < QUICK; c++) {
      FIRST[c] = (short) searched(c);
    }
  }

  private Characters() {}

  /** The lines of a table of this package. */
  static List<String> lines(String name) {
    InputStream stream = Characters.class.getResourceAsStream(FOLDER + name);
    if (stream == null) {
      throw new IllegalStateException("the app was built without the file " + name + " of the tokenizers");
    }
    try (BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.US_ASCII))) {
      List<String> lines = new java.util.ArrayList<>();
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        lines.add(line);
      }
      return lines;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int searched(int c) {
    int at = Arrays.binarySearch(STARTS, c);
    return PROPERTIES[at >= 0 ? at : -at - 2];
  }

  private static int properties(int c) {
    return c < QUICK ? FIRST[c] : searched(c);
  }

  /** Whether a code point has a property. */
  public static boolean has(int c, int property) {
    return (properties(c) & property) != 0;
  }

  /** Whether a code point's category is in a set, where bit n stands for the category of number n. */
  public static boolean isOf(int c, int categories) {
    return (categories >>> (properties(c) & CATEGORY) & 1) != 0;
  }

  /** The set of categories that a name of one or two letters stands for; 0 if there is none. */
  public static int categories(String name) {
    int set = 0;
    for (int i = 0; i < CATEGORIES.size(); i++) {
      String category = CATEGORIES.get(i);
      if (category.equals(name) || name.length() == 1 && category.startsWith(name)) {
        set |= 1 << i + 1;
      }
    }
    return set;
  }
}
