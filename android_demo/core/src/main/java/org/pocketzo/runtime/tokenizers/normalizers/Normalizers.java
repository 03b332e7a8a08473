package org.pocketzo.runtime.tokenizers.normalizers;

import java.util.ArrayList;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.patterns.Matches;
import org.pocketzo.runtime.tokenizers.patterns.PatternParser;
import org.pocketzo.runtime.tokenizers.text.Characters;
import org.pocketzo.runtime.tokenizers.text.UnicodeForm;

/** Makes normalizers from their descriptions. */
public final class Normalizers {
  private Normalizers() {}

  /** Throws BadInput for a normalizer that is not reproduced exactly; without a description it changes nothing. */
  public static Normalizer of(Object description) throws BadInput {
    return description == null ? text -> text : of(Component.of("normalizer", description));
  }

  private static Normalizer of(Component fields) throws BadInput {
    switch (fields.type()) {
      case "Sequence":
        return sequence(fields.only("normalizers").objects("normalizer", "normalizers"));
      case "NFC", "NFD", "NFKC", "NFKD":
        return UnicodeForm.of(fields.only().type())::normalize;
      case "Lowercase":
        fields.only();
        return UnicodeForm::lowercase;
      case "StripAccents":
        fields.only();
        return text -> without(text, Characters.ACCENT);
      case "Strip":
        return strip(fields.only("strip_left", "strip_right"));
      case "Prepend":
        String before = fields.only("prepend").text("prepend");
        return text -> text.isEmpty() ? text : before + text;
      case "Replace":
        return replace(fields.only("pattern", "content"));
      case "BertNormalizer":
        return BertNormalizer.of(fields);
      default:
        throw fields.unsupported();
    }
  }

  private static Normalizer sequence(List<Component> descriptions) throws BadInput {
    List<Normalizer> steps = new ArrayList<>();
    for (Component description : descriptions) {
      steps.add(of(description));
    }
    return text -> {
      String result = text;
      for (Normalizer step : steps) {
        result = step.normalize(result);
      }
      return result;
    };
  }

  /** A text without the code points that have a property. */
  static String without(String text, int property) {
    StringBuilder kept = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      if (!Characters.has(c, property)) {
        kept.appendCodePoint(c);
      }
    }
    return kept.toString();
  }

  private static Normalizer strip(Component fields) throws BadInput {
    boolean left = fields.flag("strip_left");
    boolean right = fields.flag("strip_right");
    // All white space is in the basic plane, so that a char is enough.
    return text -> {
      int start = 0;
      int end = text.length();
      while (left && start < end && Characters.has(text.charAt(start), Characters.SPACE)) {
        start++;
      }
      while (right && start < end && Characters.has(text.charAt(end - 1), Characters.SPACE)) {
        end--;
      }
      return text.substring(start, end);
    };
  }

  private static Normalizer replace(Component fields) throws BadInput {
    Matches pattern = PatternParser.pattern(fields);
    String content = fields.text("content");
    return text -> replaced(text, pattern, content);
  }

  /** A text with every match replaced. */
  public static String replaced(String text, Matches pattern, String content) {
    if (text.isEmpty()) {
      return text;
    }
    StringBuilder result = new StringBuilder(text.length());
    pattern.cut(
        text,
        (start, end, match) -> {
          if (match) {
            result.append(content);
          } else {
            result.append(text, start, end);
          }
        });
    return result.toString();
  }
}
