package org.pocketzo.runtime.tokenizers.text;

/** UTF-8 with damage made visible the way that the Unicode standard recommends, on every version of Android. */
public final class Utf8 {
  private static final char DAMAGED = '\uFFFD';

  private Utf8() {}

  /** Writes a code point's bytes to {@code out} and returns how many. */
  public static int encode(int c, byte[] out) {
    if (c < 0x80) {
      out[0] = (byte) c;
      return 1;
    }
    int length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--) {
      out[i] = (byte) (0x80 | c & 0x3F);
      c >>= 6;
    }
    out[0] = (byte) (0xF00 >> length & 0xFF | c);
    return length;
  }

  /** Text of {@code bytes[0:size]}, or null if they are not UTF-8. */
  public static String strict(byte[] bytes, int size) {
    return decode(bytes, size, false);
  }

  /** Text of {@code bytes[0:size]}, each longest beginning of a damaged character replaced by U+FFFD. */
  public static String lossy(byte[] bytes, int size) {
    return decode(bytes, size, true);
  }

  private static String decode(byte[] bytes, int size, boolean lossy) {
    StringBuilder text = new StringBuilder(size);
    int i = 0;
    while (i < size) {
      int length = length(bytes, i, size);
      if (length > 0) {
        text.appendCodePoint(codePoint(bytes, i, length));
      } else if (lossy) {
        text.append(DAMAGED);
      } else {
        return null;
      }
      i += Math.abs(length);
    }
    return text.toString();
  }

  /** Bytes of the character at {@code i}, or minus the bytes to pass over if it is damaged. */
  private static int length(byte[] bytes, int i, int size) {
    int first = bytes[i] & 0xFF;
    if (first < 0x80) {
      return 1;
    }
    int length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    for (int k = 1; k < length; k++) {
      int low = k > 1 ? 0x80 : first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
      int high = k > 1 ? 0xBF : first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
      if (i + k >= size || (bytes[i + k] & 0xFF) < low || (bytes[i + k] & 0xFF) > high) {
        return -k;
      }
    }
    return length == 0 ? -1 : length;
  }

  private static int codePoint(byte[] bytes, int i, int length) {
    int c = length == 1 ? bytes[i] : bytes[i] & (0x7F >> length);
    for (int k = 1; k < length; k++) {
      c = c << 6 | bytes[i + k] & 0x3F;
    }
    return c;
  }
}
