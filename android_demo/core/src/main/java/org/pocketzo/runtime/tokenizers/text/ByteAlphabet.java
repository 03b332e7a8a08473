package org.pocketzo.runtime.tokenizers.text;

/** The printable characters that stand for the 256 bytes in byte-level vocabularies. */
public final class ByteAlphabet {
  private static final char[] CHARACTERS = new char[256];
  private static final short[] BYTES = new short[0x200];

  static {
    java.util.Arrays.fill(BYTES, (short) -1);
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      CHARACTERS[b] = (char) (printable ? b : next++);
      BYTES[CHARACTERS[b]] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /** A text's UTF-8 bytes, each as its character. */
  public static String encode(String text) {
    StringBuilder out = new StringBuilder(text.length() + 8);
    byte[] bytes = new byte[4];
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      int length = Utf8.encode(c, bytes);
      for (int k = 0; k < length; k++) {
        out.append(CHARACTERS[bytes[k] & 0xFF]);
      }
      i += Character.charCount(c);
    }
    return out.toString();
  }

  /** Whether every character of a token stands for a byte. */
  public static boolean isBytes(String token) {
    for (int i = 0; i < token.length(); i++) {
      if (byteOf(token.charAt(i)) < 0) {
        return false;
      }
    }
    return true;
  }

  /** The byte that a character stands for, or -1. */
  public static int byteOf(char c) {
    return c < BYTES.length ? BYTES[c] : -1;
  }
}
