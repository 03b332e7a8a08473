package org.pocketzo.runtime.tokenizers.text;

/** Questions about a string's code points. */
public final class Utf16 {
  private Utf16() {}

  /** Whether every surrogate has its other half. */
  public static boolean isText(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the text is one code point. */
  public static boolean isOneCharacter(String text) {
    return !text.isEmpty() && text.codePointCount(0, text.length()) == 1;
  }
}
