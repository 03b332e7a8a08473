package org.pocketzo.runtime.tasks;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pocketzo.runtime.errors.BadInput;

/** Prompts with {field} places: plain substitution, so that no text can reach into the program. */
public final class Template {
  private static final Pattern PLACE = Pattern.compile("\\{([A-Za-z_][A-Za-z0-9_]*)\\}");

  private Template() {}

  /** The names of the places of {@code template}, in order. */
  static List<String> fields(String template) {
    List<String> fields = new ArrayList<>();
    Matcher matcher = PLACE.matcher(template);
    while (matcher.find()) {
      fields.add(matcher.group(1));
    }
    return fields;
  }

  /** The template itself; throws BadInput unless it is a text with a place for a field. */
  static String check(Object template, Object where, String key, String example) throws BadInput {
    if (!(template instanceof String) || fields((String) template).isEmpty()) {
      throw BadInput.of(
          where, "\"" + key + "\" must be a text with a place for a field", "Such as \"" + example + "\"");
    }
    return (String) template;
  }

  /** The text without its {@link #end}. */
  static String body(String text) {
    int length = text.length();
    while (length > 0 && text.charAt(length - 1) == ' ') {
      length--;
    }
    return text.substring(0, length);
  }

  /**
   * The spaces that a text ends in. Tokenizers read a space as the beginning of the word behind it, so these belong to
   * what follows; line ends and tabs are tokens of their own and stay.
   */
  public static String end(String text) {
    return text.substring(body(text).length());
  }

  /** The template with each {name} replaced by the record's string; throws BadInput if a field is missing. */
  static String fill(String template, DataRecord record) throws BadInput {
    Matcher matcher = PLACE.matcher(template);
    StringBuilder filled = new StringBuilder();
    int end = 0;
    while (matcher.find()) {
      filled.append(template, end, matcher.start()).append(record.text(matcher.group(1)));
      end = matcher.end();
    }
    return filled.append(template, end, template.length()).toString();
  }
}
