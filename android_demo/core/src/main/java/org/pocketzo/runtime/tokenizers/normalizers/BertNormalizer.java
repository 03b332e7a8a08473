package org.pocketzo.runtime.tokenizers.normalizers;

import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.text.Characters;
import org.pocketzo.runtime.tokenizers.text.UnicodeForm;

/** What BERT does to a text: no control characters, Chinese characters apart, no accents, small letters. */
final class BertNormalizer implements Normalizer {
  private static final int[][] CHINESE = {
    {0x4E00, 0x9FFF},
    {0x3400, 0x4DBF},
    {0x20000, 0x2A6DF},
    {0x2A700, 0x2B73F},
    {0x2B740, 0x2B81F},
    {0x2B920, 0x2CEAF},
    {0xF900, 0xFAFF},
    {0x2F800, 0x2FA1F}
  };

  private final boolean clean;
  private final boolean separateChinese;
  private final boolean lowercase;
  private final UnicodeForm decompose;

  private BertNormalizer(boolean clean, boolean separateChinese, boolean stripAccents, boolean lowercase) {
    this.clean = clean;
    this.separateChinese = separateChinese;
    this.lowercase = lowercase;
    this.decompose = stripAccents ? UnicodeForm.of("NFD") : null;
  }

  static BertNormalizer of(Component fields) throws BadInput {
    fields.only("clean_text", "handle_chinese_chars", "strip_accents", "lowercase");
    boolean lowercase = fields.flag("lowercase");
    boolean accents = fields.has("strip_accents") ? fields.flag("strip_accents") : lowercase;
    return new BertNormalizer(fields.flag("clean_text"), fields.flag("handle_chinese_chars"), accents, lowercase);
  }

  @Override
  public String normalize(String text) {
    String result = clean ? cleaned(text) : text;
    result = separateChinese ? separated(result) : result;
    if (decompose != null) {
      result = Normalizers.without(decompose.normalize(result), Characters.BERT_ACCENT);
    }
    return lowercase ? UnicodeForm.lowercase(result) : result;
  }

  private static String cleaned(String text) {
    StringBuilder kept = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      if (c != 0 && c != 0xFFFD && !Characters.has(c, Characters.CONTROL)) {
        kept.appendCodePoint(Characters.has(c, Characters.SPACE) ? ' ' : c);
      }
    }
    return kept.toString();
  }

  private static String separated(String text) {
    StringBuilder result = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      if (isChinese(c)) {
        result.append(' ').appendCodePoint(c).append(' ');
      } else {
        result.appendCodePoint(c);
      }
    }
    return result.toString();
  }

  private static boolean isChinese(int c) {
    for (int[] range : CHINESE) {
      if (range[0] <= c && c <= range[1]) {
        return true;
      }
    }
    return false;
  }
}
