package org.pocketzo.runtime.tokenizers.description;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.text.Utf16;

/** The members of one component of a tokenizer.json, each taken with its type; what is not known is refused. */
public final class Component {
  /** What to do about a tokenizer that phones do not have. */
  public static final String FIX = "Package the model with a tokenizer that phones support";

  private final String name;
  private final Map<String, Object> members;

  private Component(String name, Map<String, Object> members) {
    this.name = name;
    this.members = members;
  }

  /** Reads an object; {@code kind} says in messages what it is. Throws BadInput if it is none. */
  @SuppressWarnings("unchecked")
  public static Component of(String kind, Object value) throws BadInput {
    if (!(value instanceof Map)) {
      throw BadInput.of("tokenizer", "the " + kind + " is no object", FIX);
    }
    Map<String, Object> members = (Map<String, Object>) value;
    Object type = members.get("type");
    return new Component(type instanceof String ? kind + " " + type : kind, members);
  }

  /** Throws BadInput if there are members that are not among {@code names}. */
  public Component only(String... names) throws BadInput {
    List<String> known = Arrays.asList(names);
    for (String name : members.keySet()) {
      if (!known.contains(name) && !name.equals("type")) {
        throw refused("has the member \"" + name + "\", which phones do not know");
      }
    }
    return this;
  }

  public BadInput refused(String why) {
    return BadInput.of("tokenizer", "the " + this.name + " " + why, FIX);
  }

  public BadInput unsupported() {
    return refused("is not one that phones reproduce");
  }

  public BadInput wrong(String name, String wanted) {
    return refused("has the member \"" + name + "\" = " + members.get(name) + " where phones take " + wanted);
  }

  public String type() throws BadInput {
    return text("type");
  }

  public Object value(String name) {
    return members.get(name);
  }

  /** Whether the member is there, be it null. */
  public boolean lists(String name) {
    return members.containsKey(name);
  }

  /** Whether the member is there and not null. */
  public boolean has(String name) {
    return members.get(name) != null;
  }

  public String text(String name) throws BadInput {
    if (!(members.get(name) instanceof String)) {
      throw wrong(name, "a text");
    }
    return (String) members.get(name);
  }

  /** A text of one character. */
  public String character(String name) throws BadInput {
    String text = text(name);
    if (!Utf16.isOneCharacter(text)) {
      throw wrong(name, "one character");
    }
    return text;
  }

  public boolean flag(String name) throws BadInput {
    if (!(members.get(name) instanceof Boolean)) {
      throw wrong(name, "true or false");
    }
    return (Boolean) members.get(name);
  }

  public boolean flag(String name, boolean ifMissing) throws BadInput {
    return members.containsKey(name) ? flag(name) : ifMissing;
  }

  /** A whole number of 0 or more. */
  public long count(String name) throws BadInput {
    Object value = members.get(name);
    if (!(value instanceof Long) || (Long) value < 0) {
      throw wrong(name, "a whole number");
    }
    return (Long) value;
  }

  public List<?> list(String name) throws BadInput {
    if (!(members.get(name) instanceof List)) {
      throw wrong(name, "a list");
    }
    return (List<?>) members.get(name);
  }

  /** The objects of a list. */
  public List<Component> objects(String kind, String name) throws BadInput {
    List<Component> objects = new ArrayList<>();
    for (Object item : list(name)) {
      objects.add(Component.of(kind, item));
    }
    return objects;
  }

  /** An object among the members. */
  public Component member(String name) throws BadInput {
    return of(name + " of the " + this.name, members.get(name));
  }
}
