package org.pocketzo.runtime.tokenizers.text;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** NFC, NFD, NFKC and NFKD and small letters, by tables measured on `tokenizers` (normalization.txt). */
public final class UnicodeForm {
  private static final int HANGUL = 0xAC00;
  private static final int HANGUL_SYLLABLES = 11172;
  private static final int LEADING = 0x1100;
  private static final int LEADING_COUNT = 19;
  private static final int VOWEL = 0x1161;
  private static final int VOWEL_COUNT = 21;
  private static final int TRAILING = 0x11A7;
  private static final int TRAILING_COUNT = 28;

  /** Read when a tokenizer first needs them. */
  private static final class Tables {
    static final Map<Integer, int[]> CANONICAL = new HashMap<>();
    static final Map<Integer, int[]> COMPATIBLE = new HashMap<>();
    static final Map<Long, Integer> COMPOSITION = new HashMap<>();
    static final Map<Integer, int[]> LOWER = new HashMap<>();
    static final Map<Integer, Integer> CLASS = new HashMap<>();

    static {
      String section = "";
      for (String line : Characters.lines("normalization.txt")) {
        if (line.startsWith("[")) {
          section = line;
        } else {
          add(section, line.split(" "));
        }
      }
    }

    private Tables() {}

    private static void add(String section, String[] numbers) {
      int c = Integer.parseInt(numbers[0], 16);
      int[] rest = new int[numbers.length - 1];
      for (int i = 0; i < rest.length; i++) {
        rest[i] = Integer.parseInt(numbers[i + 1], 16);
      }
      switch (section) {
        case "[canonical]" -> CANONICAL.put(c, rest);
        case "[compatible]" -> COMPATIBLE.put(c, rest);
        case "[composition]" -> COMPOSITION.put(pair(rest[0], rest[1]), c);
        case "[lower]" -> LOWER.put(c, rest);
        default -> CLASS.put(c, rest[0]);
      }
    }
  }

  private final boolean compatible;
  private final boolean composed;

  private UnicodeForm(boolean compatible, boolean composed) {
    this.compatible = compatible;
    this.composed = composed;
  }

  public static UnicodeForm of(String name) {
    return new UnicodeForm(name.contains("K"), name.endsWith("C"));
  }

  /** Small letters, one code point at a time, without regard to its neighbours. */
  public static String lowercase(String text) {
    StringBuilder result = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      append(result, Tables.LOWER.get(c), c);
    }
    return result.toString();
  }

  private static void append(StringBuilder out, int[] points, int otherwise) {
    if (points == null) {
      out.appendCodePoint(otherwise);
    } else {
      for (int point : points) {
        out.appendCodePoint(point);
      }
    }
  }

  private static long pair(int a, int b) {
    return (long) a << 32 | b;
  }

  private static int combiningClass(int c) {
    return c < 0x300 ? 0 : Tables.CLASS.getOrDefault(c, 0);
  }

  public String normalize(String text) {
    if (isAscii(text)) {
      return text;
    }
    int[] points = decomposed(text);
    order(points);
    return composed ? composed(points) : new String(points, 0, points.length);
  }

  private static boolean isAscii(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 128) {
        return false;
      }
    }
    return true;
  }

  private int[] decomposed(String text) {
    IntList out = new IntList();
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      int syllable = c - HANGUL;
      if (syllable >= 0 && syllable < HANGUL_SYLLABLES) {
        out.add(LEADING + syllable / (VOWEL_COUNT * TRAILING_COUNT));
        out.add(VOWEL + syllable / TRAILING_COUNT % VOWEL_COUNT);
        if (syllable % TRAILING_COUNT > 0) {
          out.add(TRAILING + syllable % TRAILING_COUNT);
        }
        continue;
      }
      int[] parts = compatible ? Tables.COMPATIBLE.get(c) : null;
      parts = parts == null ? Tables.CANONICAL.get(c) : parts;
      out.addAll(parts == null ? new int[] {c} : parts);
    }
    return out.toArray();
  }

  /** Sorts every run of combining marks by class; equal classes keep their order. */
  private static void order(int[] points) {
    for (int start = 0; start < points.length; ) {
      int end = start;
      while (end < points.length && combiningClass(points[end]) > 0) {
        end++;
      }
      if (end - start > 1) {
        sort(points, start, end);
      }
      start = Math.max(end, start + 1);
    }
  }

  private static void sort(int[] points, int start, int end) {
    Integer[] run = new Integer[end - start];
    Arrays.setAll(run, i -> points[start + i]);
    List<Integer> list = Arrays.asList(run);
    list.sort((a, b) -> Integer.compare(combiningClass(a), combiningClass(b)));
    for (int i = start; i < end; i++) {
      points[i] = run[i - start];
    }
  }

  private static String composed(int[] points) {
    int size = 0;
    int starter = -1;
    int last = 0;
    for (int c : points) {
      int own = combiningClass(c);
      int whole = starter >= 0 && (last < own || last == 0 && size - 1 == starter) ? pairOf(points[starter], c) : -1;
      if (whole >= 0) {
        points[starter] = whole;
        continue;
      }
      if (own == 0) {
        starter = size;
      }
      last = own;
      points[size++] = c;
    }
    return new String(points, 0, size);
  }

  /** The character that two make together, or -1. */
  private static int pairOf(int a, int b) {
    if (a >= LEADING && a < LEADING + LEADING_COUNT && b >= VOWEL && b < VOWEL + VOWEL_COUNT) {
      return HANGUL + ((a - LEADING) * VOWEL_COUNT + b - VOWEL) * TRAILING_COUNT;
    }
    boolean open = a >= HANGUL && a < HANGUL + HANGUL_SYLLABLES && (a - HANGUL) % TRAILING_COUNT == 0;
    if (open && b > TRAILING && b < TRAILING + TRAILING_COUNT) {
      return a + b - TRAILING;
    }
    return Tables.COMPOSITION.getOrDefault(pair(a, b), -1);
  }
}
