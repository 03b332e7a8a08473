package org.pocketzo.runtime.tokenizers.text;

import java.util.Arrays;

/** Many short texts in one array of characters. */
public final class StringList {
  private char[] characters = new char[1 << 12];
  private int[] ends = new int[1 << 8];
  private int size;

  public void add(String text) {
    int start = size == 0 ? 0 : ends[size - 1];
    if (start + text.length() > characters.length) {
      characters = Arrays.copyOf(characters, Math.max(start + text.length(), 2 * characters.length));
    }
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, 2 * size);
    }
    text.getChars(0, text.length(), characters, start);
    ends[size++] = start + text.length();
  }

  public int size() {
    return size;
  }

  public String get(int index) {
    int start = index == 0 ? 0 : ends[index - 1];
    return new String(characters, start, ends[index] - start);
  }
}
