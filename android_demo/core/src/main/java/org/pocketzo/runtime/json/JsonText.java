package org.pocketzo.runtime.json;

import java.math.BigInteger;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import org.pocketzo.runtime.numbers.Floats;

/** Writes plain objects as JSON, byte for byte as Python's {@code json.dumps(..., ensure_ascii=False)}. */
final class JsonText {
  private final StringBuilder text = new StringBuilder();
  private final String comma;
  private final String colon;
  private final int indent;

  /** With {@code indent} below 0, all is in one line. */
  JsonText(String comma, String colon, int indent) {
    this.comma = comma;
    this.colon = colon;
    this.indent = indent;
  }

  /** Throws IllegalArgumentException for what JSON cannot hold: NaN, infinities, other objects. */
  String text(Object content) {
    value(content, 0);
    return text.toString();
  }

  private void value(Object content, int level) {
    if (content == null || content instanceof Boolean) {
      text.append(content);
    } else if (content instanceof String) {
      string((String) content);
    } else if (content instanceof Double) {
      number((Double) content);
    } else if (content instanceof Long || content instanceof Integer || content instanceof BigInteger) {
      text.append(content);
    } else if (content instanceof Map) {
      object((Map<?, ?>) content, level);
    } else if (content instanceof Collection) {
      array((Collection<?>) content, level);
    } else if (content instanceof double[]) {
      array((double[]) content);
    } else {
      throw new IllegalArgumentException("JSON has no " + content.getClass().getName());
    }
  }

  private void number(double number) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      throw new IllegalArgumentException("JSON has no " + number);
    }
    text.append(Floats.repr(number));
  }

  private void object(Map<?, ?> content, int level) {
    text.append('{');
    Iterator<? extends Map.Entry<?, ?>> entries = content.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<?, ?> entry = entries.next();
      line(level + 1);
      string((String) entry.getKey());
      text.append(colon);
      value(entry.getValue(), level + 1);
      text.append(entries.hasNext() ? comma : "");
    }
    end(content.isEmpty(), level, '}');
  }

  private void array(Collection<?> content, int level) {
    text.append('[');
    Iterator<?> values = content.iterator();
    while (values.hasNext()) {
      line(level + 1);
      value(values.next(), level + 1);
      text.append(values.hasNext() ? comma : "");
    }
    end(content.isEmpty(), level, ']');
  }

  private void array(double[] content) {
    text.append('[');
    for (int i = 0; i < content.length; i++) {
      text.append(i > 0 ? comma : "");
      number(content[i]);
    }
    text.append(']');
  }

  private void end(boolean empty, int level, char bracket) {
    if (!empty) {
      line(level);
    }
    text.append(bracket);
  }

  private void line(int level) {
    if (indent < 0) {
      return;
    }
    text.append('\n');
    for (int i = 0; i < level * indent; i++) {
      text.append(' ');
    }
  }

  private void string(String content) {
    text.append('"');
    for (int i = 0; i < content.length(); i++) {
      char c = content.charAt(i);
      int known = "\"\\\n\r\t\f\b".indexOf(c);
      if (known >= 0) {
        text.append('\\').append("\"\\nrtfb".charAt(known));
      } else if (c < ' ') {
        text.append("\\u00").append(Character.forDigit(c >> 4, 16)).append(Character.forDigit(c & 15, 16));
      } else {
        text.append(c);
      }
    }
    text.append('"');
  }
}
