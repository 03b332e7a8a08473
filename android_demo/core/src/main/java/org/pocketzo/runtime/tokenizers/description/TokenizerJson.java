package org.pocketzo.runtime.tokenizers.description;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.text.StringList;
import org.pocketzo.runtime.tokenizers.text.Utf16;

/**
 * A tokenizer.json, read once from front to back: vocabulary and merges, which are nearly all of it, go straight into
 * compact tables, and the rest becomes maps and lists.
 */
public final class TokenizerJson {
  private static final int DEEPEST = 32;

  private final Map<String, Object> members = new LinkedHashMap<>();
  private final Map<String, Object> model = new LinkedHashMap<>();
  private final Vocabulary vocabulary = new Vocabulary();
  private final StringList merges = new StringList();

  private TokenizerJson() {}

  /** Reads a file. Throws BadInput if it cannot be read or is no JSON of a tokenizer. */
  public static TokenizerJson read(Path path) throws BadInput {
    TokenizerJson json = new TokenizerJson();
    JsonFactory factory =
        JsonFactory.builder()
            .configure(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES, false)
            .configure(JsonFactory.Feature.INTERN_FIELD_NAMES, false)
            .build();
    try (InputStream in = Files.newInputStream(path);
        JsonParser parser = factory.createParser(in)) {
      json.readAll(parser);
    } catch (JsonProcessingException e) {
      throw BadInput.of(path, "is not JSON (" + e.getOriginalMessage() + ")", Component.FIX);
    } catch (IOException e) {
      throw BadInput.of(path, "cannot be read (" + e.getMessage() + ")", "See that the file is there");
    }
    json.vocabulary.trim();
    return json;
  }

  /** The members but for the model. */
  public Map<String, Object> members() {
    return members;
  }

  /** The model's members but for vocabulary and merges; each of those is true if it is there. */
  public Map<String, Object> model() {
    return model;
  }

  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /** First and second token of each merge in turn. */
  public StringList merges() {
    return merges;
  }

  private static BadInput refused(String why) {
    return BadInput.of("tokenizer", why, Component.FIX);
  }

  private void readAll(JsonParser parser) throws IOException, BadInput {
    expect(parser.nextToken(), JsonToken.START_OBJECT, "the file");
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      JsonToken token = parser.nextToken();
      if (!name.equals("model")) {
        put(members, name, value(parser, token, 0));
        continue;
      }
      expect(token, JsonToken.START_OBJECT, "the model");
      put(members, name, true);
      readModel(parser);
    }
    if (parser.nextToken() != null) {
      throw refused("the file goes on behind its end");
    }
  }

  private void readModel(JsonParser parser) throws IOException, BadInput {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      JsonToken token = parser.nextToken();
      if (name.equals("vocab") && token == JsonToken.START_OBJECT) {
        put(model, name, true);
        readVocabulary(parser);
      } else if (name.equals("merges") && token == JsonToken.START_ARRAY) {
        put(model, name, true);
        readMerges(parser);
      } else if (name.equals("vocab") || name.equals("merges")) {
        throw refused("the model's " + name + " is of a kind that phones do not read");
      } else {
        put(model, name, value(parser, token, 0));
      }
    }
  }

  private void readVocabulary(JsonParser parser) throws IOException, BadInput {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String token = parser.currentName();
      expect(parser.nextToken(), JsonToken.VALUE_NUMBER_INT, "an id of the vocabulary");
      vocabulary.add(token, parser.getLongValue());
    }
  }

  private void readMerges(JsonParser parser) throws IOException, BadInput {
    for (JsonToken token = parser.nextToken(); token != JsonToken.END_ARRAY; token = parser.nextToken()) {
      if (token == JsonToken.VALUE_STRING) {
        readWritten(parser.getText());
        continue;
      }
      expect(token, JsonToken.START_ARRAY, "a merge");
      for (int i = 0; i < 2; i++) {
        expect(parser.nextToken(), JsonToken.VALUE_STRING, "a merge");
        merges.add(parser.getText());
      }
      expect(parser.nextToken(), JsonToken.END_ARRAY, "a merge");
    }
  }

  /** A merge in the old form, two tokens with a space between. */
  private void readWritten(String text) throws BadInput {
    int space = text.indexOf(' ');
    if (space < 0 || text.indexOf(' ', space + 1) >= 0 || text.startsWith("#version")) {
      throw refused("the merge \"" + text + "\" is not two tokens with a space between");
    }
    merges.add(text.substring(0, space));
    merges.add(text.substring(space + 1));
  }

  private static void expect(JsonToken is, JsonToken wanted, String what) throws BadInput {
    if (is != wanted) {
      throw refused(what + " is not what a tokenizer.json has there");
    }
  }

  private static void put(Map<String, Object> members, String name, Object value) throws BadInput {
    if (members.containsKey(name)) {
      throw refused("the member \"" + name + "\" is there twice");
    }
    members.put(name, value);
  }

  private static Object value(JsonParser parser, JsonToken token, int depth) throws IOException, BadInput {
    if (token == null || depth > DEEPEST) {
      throw refused("the file ends too early or is nested too deeply");
    }
    switch (token) {
      case START_OBJECT:
        Map<String, Object> object = new LinkedHashMap<>();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          put(object, name, value(parser, parser.nextToken(), depth + 1));
        }
        return object;
      case START_ARRAY:
        List<Object> list = new ArrayList<>();
        for (JsonToken item = parser.nextToken(); item != JsonToken.END_ARRAY; item = parser.nextToken()) {
          list.add(value(parser, item, depth + 1));
        }
        return list;
      case VALUE_STRING:
        if (!Utf16.isText(parser.getText())) {
          throw refused("a text holds half of a surrogate pair");
        }
        return parser.getText();
      case VALUE_NUMBER_INT:
        return parser.getLongValue();
      case VALUE_NUMBER_FLOAT:
        return parser.getDoubleValue();
      case VALUE_TRUE, VALUE_FALSE:
        return parser.getBooleanValue();
      default:
        return null;
    }
  }
}
