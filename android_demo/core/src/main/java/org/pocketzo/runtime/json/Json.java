package org.pocketzo.runtime.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.system.Files;

/**
 * Strict JSON as plain objects: Map (in the order of the text), List, String, Long or BigInteger, Double, Boolean or
 * null.
 *
 * <p>Whole numbers and those with a fraction or exponent stay apart, as in Python.
 */
public final class Json {
  /** Objects and arrays within one another. */
  public static final int DEPTH = 500;

  private static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH)
                  .maxStringLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .build())
          .build();

  /** A text that is not strict JSON; the message says what is wrong. */
  public static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }

  private Json() {}

  /** Parses strict JSON; throws Malformed, be it NaN, a key given twice, half a character or nesting too deep. */
  public static Object parse(String text) throws Malformed {
    if (text.startsWith("\uFEFF")) {
      throw new Malformed("it begins with a byte-order mark");
    }
    try (JsonParser parser = FACTORY.createParser(text)) {
      if (parser.nextToken() == null) {
        throw new Malformed("there is nothing in it");
      }
      Object value = value(parser);
      if (parser.nextToken() != null) {
        throw new Malformed("more follows after its end");
      }
      return value;
    } catch (OutOfMemoryError e) {
      throw new Malformed("it needs more memory than this device gives");
    } catch (StreamConstraintsException e) {
      throw new Malformed(e.getOriginalMessage().contains("nesting") ? "nested too deeply" : e.getOriginalMessage());
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where = at == null ? "" : "line " + at.getLineNr() + ", column " + at.getColumnNr() + ": ";
      throw new Malformed(where + e.getOriginalMessage());
    } catch (IOException e) {
      throw new Malformed(String.valueOf(e.getMessage()));
    }
  }

  /** Parses the JSON file {@code path}; throws BadInput (naming {@code what}) if unreadable or not strict JSON. */
  public static Object read(Path path, String what) throws BadInput {
    try {
      return parse(Files.decodeText(Files.readFile(path, what), path, what));
    } catch (Malformed e) {
      throw new BadInput(path + ": the " + what + " is not JSON (" + e.getMessage() + "). Mend it", e);
    }
  }

  private static Object value(JsonParser parser) throws IOException, Malformed {
    switch (parser.currentToken()) {
      case START_OBJECT:
        return object(parser);
      case START_ARRAY:
        return array(parser);
      case VALUE_STRING:
        return whole(parser.getText());
      case VALUE_NUMBER_INT:
        Number number = parser.getNumberValue();
        return number instanceof BigInteger ? number : (Number) number.longValue();
      case VALUE_NUMBER_FLOAT:
        return parser.getDoubleValue();
      case VALUE_TRUE:
        return Boolean.TRUE;
      case VALUE_FALSE:
        return Boolean.FALSE;
      default:
        return null;
    }
  }

  private static Map<String, Object> object(JsonParser parser) throws IOException, Malformed {
    Map<String, Object> members = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = whole(parser.currentName());
      if (members.containsKey(name)) {
        throw new Malformed("the key \"" + name + "\" is given twice");
      }
      parser.nextToken();
      members.put(name, value(parser));
    }
    return members;
  }

  private static List<Object> array(JsonParser parser) throws IOException, Malformed {
    List<Object> values = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      values.add(value(parser));
    }
    return values;
  }

  private static String whole(String text) throws Malformed {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isLowSurrogate(c) || i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1))) {
        throw new Malformed("half a character, a lone surrogate such as \\ud83d");
      }
      i++;
    }
    return text;
  }

  /** JSON in one line without a space, byte for byte what Python's {@code json} writes with these separators. */
  public static String write(Object content) {
    return new JsonText(",", ":", -1).text(content);
  }

  /** JSON in one line, a space after each comma and colon. */
  public static String writeSpaced(Object content) {
    return new JsonText(", ", ": ", -1).text(content);
  }

  /** JSON with one member a line, indented by two spaces a level. */
  public static String writeIndented(Object content) {
    return new JsonText(",", ": ", 2).text(content);
  }

  /** Writes {@code content} indented, atomically; throws as {@link Files#writeAtomically} does. */
  public static void writeFile(Path path, Object content) throws BadInput {
    byte[] text = (writeIndented(content) + "\n").getBytes(StandardCharsets.UTF_8);
    Files.writeAtomically(path, out -> out.write(text));
  }
}
