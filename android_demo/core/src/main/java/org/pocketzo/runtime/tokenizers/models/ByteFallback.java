package org.pocketzo.runtime.tokenizers.models;

import java.util.ArrayList;
import java.util.List;
import org.pocketzo.runtime.tokenizers.text.Utf8;

/** Tokens that are written as bytes, such as {@code <0x0A>}. */
public final class ByteFallback {
  private static final String HEXADECIMAL = "0123456789ABCDEF";

  private ByteFallback() {}

  /** How a byte's token is written. */
  static String token(int b) {
    return "<0x" + HEXADECIMAL.charAt(b >> 4) + HEXADECIMAL.charAt(b & 15) + ">";
  }

  /** Each run of byte tokens becomes the text that it holds, or as many U+FFFD if it holds none. */
  public static List<String> decode(List<String> tokens) {
    List<String> result = new ArrayList<>();
    byte[] run = new byte[tokens.size()];
    int size = 0;
    for (String token : tokens) {
      int b = byteOf(token);
      if (b >= 0) {
        run[size++] = (byte) b;
      } else {
        flush(run, size, result);
        size = 0;
        result.add(token);
      }
    }
    flush(run, size, result);
    return result;
  }

  private static void flush(byte[] run, int size, List<String> out) {
    String text = Utf8.strict(run, size);
    if (text != null && size > 0) {
      out.add(text);
    }
    for (int i = 0; i < size && text == null; i++) {
      out.add("\uFFFD");
    }
  }

  /** Also reads small digits and a plus before one digit, as `tokenizers` does; -1 if it is no byte. */
  private static int byteOf(String token) {
    if (token.length() != 6 || !token.startsWith("<0x") || !token.endsWith(">")) {
      return -1;
    }
    int high = token.charAt(3) == '+' ? 0 : digit(token.charAt(3));
    int low = digit(token.charAt(4));
    return high < 0 || low < 0 ? -1 : high << 4 | low;
  }

  private static int digit(char c) {
    return c < 128 ? Character.digit(c, 16) : -1;
  }
}
