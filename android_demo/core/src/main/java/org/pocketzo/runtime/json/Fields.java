package org.pocketzo.runtime.json;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.DoublePredicate;
import java.util.regex.Pattern;

/** Takes the members of a parsed JSON object one by one, each checked; what nobody took in the end is unknown. */
public final class Fields {
  public static final long COUNT_END = 1L << 40;
  static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  public static final Pattern FILE_NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,99}");
  private static final int TEXT = 1000;

  /** A member that is absent, unknown, of another type or out of range. */
  public static final class Wrong extends Exception {
    private static final long serialVersionUID = 1L;

    public Wrong(String where, String why) {
      super("field " + (where.isEmpty() ? "the top level" : where) + ": " + why);
    }
  }

  /** Reads one element of a list, or one value of a map. */
  public interface Element<T> {
    T read(Object content, String where) throws Wrong;
  }

  private final Map<?, ?> members;
  private final String where;
  private final Set<Object> taken = new HashSet<>();

  public Fields(Object content, String where) throws Wrong {
    if (!(content instanceof Map)) {
      throw new Wrong(where, "must be an object");
    }
    this.members = (Map<?, ?>) content;
    this.where = where;
  }

  public String at(String name) {
    return where.isEmpty() ? name : where + "." + name;
  }

  public Map<?, ?> members() {
    return members;
  }

  /** The member itself; throws Wrong if it is absent. */
  public Object take(String name) throws Wrong {
    if (!members.containsKey(name)) {
      throw new Wrong(at(name), "is missing");
    }
    taken.add(name);
    return members.get(name);
  }

  /** The member itself, or {@code otherwise} if it is absent. */
  public Object take(String name, Object otherwise) throws Wrong {
    return members.containsKey(name) ? take(name) : otherwise;
  }

  /** Throws Wrong naming the first member that was not taken. */
  public void end() throws Wrong {
    for (Object name : members.keySet()) {
      if (!taken.contains(name)) {
        throw new Wrong(at((String) name), "is not known");
      }
    }
  }

  public Fields inner(String name) throws Wrong {
    return new Fields(take(name), at(name));
  }

  public String text(String name) throws Wrong {
    return text(name, TEXT);
  }

  /** A string of at most {@code most} characters, as Unicode counts them. */
  public String text(String name, int most) throws Wrong {
    return textOf(take(name), at(name), most);
  }

  public static String textOf(Object content, String where) throws Wrong {
    return textOf(content, where, TEXT);
  }

  private static String textOf(Object content, String where, int most) throws Wrong {
    if (!(content instanceof String)) {
      throw new Wrong(where, "must be a string");
    }
    String text = (String) content;
    if (text.codePointCount(0, text.length()) > most) {
      throw new Wrong(where, "has more than " + most + " characters");
    }
    return text;
  }

  String matching(String name, Pattern pattern) throws Wrong {
    String text = text(name);
    if (!pattern.matcher(text).matches()) {
      throw new Wrong(at(name), "does not match " + pattern);
    }
    return text;
  }

  public String sha256(String name) throws Wrong {
    return matching(name, SHA256);
  }

  public String fileName(String name) throws Wrong {
    return matching(name, FILE_NAME);
  }

  public String oneOf(String name, String... known) throws Wrong {
    Object content = take(name);
    if (!(content instanceof String) || !Arrays.asList(known).contains(content)) {
      throw new Wrong(at(name), "must be one of " + String.join(", ", known));
    }
    return (String) content;
  }

  public int oneOf(String name, int... known) throws Wrong {
    Object content = take(name);
    for (int number : known) {
      if (content instanceof Long && (Long) content == number) {
        return number;
      }
    }
    throw new Wrong(at(name), "must be one of " + Arrays.toString(known));
  }

  public boolean truth(String name) throws Wrong {
    Object content = take(name);
    if (!(content instanceof Boolean)) {
      throw new Wrong(at(name), "must be true or false");
    }
    return (Boolean) content;
  }

  /** A whole number from 0, below 2^40. */
  public long count(String name) throws Wrong {
    return integer(take(name), at(name), 0);
  }

  /** A whole number from 1, below 2^40. */
  public long positive(String name) throws Wrong {
    return integer(take(name), at(name), 1);
  }

  public static long integer(Object content, String where, long least) throws Wrong {
    if (!(content instanceof Long)) {
      throw new Wrong(where, "must be a whole number below 2^40");
    }
    long number = (Long) content;
    if (number < least || number >= COUNT_END) {
      throw new Wrong(where, "is " + number + ", and the limits are " + least + " and 2^40 - 1");
    }
    return number;
  }

  public double number(String name, DoublePredicate good, String limits) throws Wrong {
    return numberOf(take(name), at(name), good, limits);
  }

  public static double positiveNumber(Object content, String where) throws Wrong {
    return numberOf(content, where, x -> x > 0, "must be greater than 0");
  }

  public static double notNegativeNumber(Object content, String where) throws Wrong {
    return numberOf(content, where, x -> x >= 0, "must not be negative");
  }

  private static double numberOf(Object content, String where, DoublePredicate good, String limits) throws Wrong {
    if (!(content instanceof Number)) {
      throw new Wrong(where, "must be a number");
    }
    double number = ((Number) content).doubleValue();
    if (Double.isNaN(number) || Double.isInfinite(number) || !good.test(number)) {
      throw new Wrong(where, limits);
    }
    return number;
  }

  public <T> List<T> list(String name, int least, int most, Element<T> element) throws Wrong {
    return listOf(take(name), at(name), least, most, element);
  }

  public static <T> List<T> listOf(Object content, String where, int least, int most, Element<T> element) throws Wrong {
    if (!(content instanceof List)) {
      throw new Wrong(where, "must be a list");
    }
    List<?> list = (List<?>) content;
    if (list.size() < least || list.size() > most) {
      throw new Wrong(where, "has " + list.size() + " items, and the limits are " + least + " and " + most);
    }
    List<T> read = new ArrayList<>(list.size());
    for (int i = 0; i < list.size(); i++) {
      read.add(element.read(list.get(i), where + "." + i));
    }
    return Collections.unmodifiableList(read);
  }

  /** A map of at most {@code most} entries, the keys texts that match {@code keys}. */
  public <T> Map<String, T> map(String name, int most, Pattern keys, Element<T> element) throws Wrong {
    return mapOf(take(name), at(name), most, keys, element);
  }

  public static <T> Map<String, T> mapOf(Object content, String where, int most, Pattern keys, Element<T> element)
      throws Wrong {
    if (!(content instanceof Map)) {
      throw new Wrong(where, "must be an object");
    }
    Map<?, ?> map = (Map<?, ?>) content;
    if (map.size() > most) {
      throw new Wrong(where, "has " + map.size() + " members, and the limit is " + most);
    }
    Map<String, T> read = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      String key = textOf(entry.getKey(), where);
      if (!keys.matcher(key).matches()) {
        throw new Wrong(where + "." + key, "does not match " + keys);
      }
      read.put(key, element.read(entry.getValue(), where + "." + key));
    }
    return Collections.unmodifiableMap(read);
  }
}
