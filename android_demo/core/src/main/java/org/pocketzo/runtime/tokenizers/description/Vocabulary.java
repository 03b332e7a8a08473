package org.pocketzo.runtime.tokenizers.description;

import java.util.Arrays;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.text.Utf16;

/**
 * Tokens and their ids, 150,000 in a few megabytes: the characters in one array and a hash table of numbers, instead of
 * an object for each.
 */
public final class Vocabulary {
  public static final int MISSING = -1;
  private static final int LARGEST_ID = 1 << 24;

  private char[] characters = new char[1 << 12];
  private int[] ends = new int[1 << 8];
  private int[] ids = new int[1 << 8];
  private int size;
  private int[] table = new int[1 << 9];
  private int[] byId = new int[1 << 8];
  private int largestId = -1;

  /** Adds a token. Throws BadInput if the token or its id is there already, or is no text or no id. */
  public void add(String token, long id) throws BadInput {
    if (id < 0 || id > LARGEST_ID) {
      throw refused(token, "has the id " + id + ", and ids go from 0 to " + LARGEST_ID);
    }
    if (!Utf16.isText(token)) {
      throw refused(token, "holds half of a surrogate pair");
    }
    if (find(token, 0, token.length()) != MISSING) {
      throw refused(token, "is listed twice");
    }
    if (indexOf((int) id) != MISSING) {
      throw refused(token, "shares the id " + id + " with another token");
    }
    append(token, (int) id);
  }

  private static BadInput refused(String token, String why) {
    return BadInput.of("vocabulary", "the token \"" + token + "\" " + why, Component.FIX);
  }

  private void append(String token, int id) {
    int start = size == 0 ? 0 : ends[size - 1];
    int end = start + token.length();
    if (end > characters.length) {
      characters = Arrays.copyOf(characters, Math.max(end, 2 * characters.length));
    }
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, 2 * size);
      ids = Arrays.copyOf(ids, 2 * size);
    }
    if (id >= byId.length) {
      byId = Arrays.copyOf(byId, Math.max(id + 1, 2 * byId.length));
    }
    token.getChars(0, token.length(), characters, start);
    ends[size] = end;
    ids[size] = id;
    byId[id] = ++size;
    largestId = Math.max(largestId, id);
    if (2 * size > table.length) {
      table = new int[2 * table.length];
      for (int i = 0; i < size; i++) {
        enter(i);
      }
    } else {
      enter(size - 1);
    }
  }

  private void enter(int index) {
    int slot = slot(hash(characters, start(index), ends[index]));
    while (table[slot] != 0) {
      slot = (slot + 1) & (table.length - 1);
    }
    table[slot] = index + 1;
  }

  private int start(int index) {
    return index == 0 ? 0 : ends[index - 1];
  }

  private static int hash(char[] text, int start, int end) {
    int hash = 0;
    for (int i = start; i < end; i++) {
      hash = 31 * hash + text[i];
    }
    return hash;
  }

  private int slot(int hash) {
    return (hash * 0x9E3779B9 >>> 7) & (table.length - 1);
  }

  /** The id of the token {@code text[start:end]}, or MISSING. */
  public int find(CharSequence text, int start, int end) {
    int hash = 0;
    for (int i = start; i < end; i++) {
      hash = 31 * hash + text.charAt(i);
    }
    for (int slot = slot(hash); table[slot] != 0; slot = (slot + 1) & (table.length - 1)) {
      int index = table[slot] - 1;
      if (equal(index, text, start, end)) {
        return ids[index];
      }
    }
    return MISSING;
  }

  /** The id of a token, or MISSING. */
  public int find(CharSequence token) {
    return find(token, 0, token.length());
  }

  private boolean equal(int index, CharSequence text, int start, int end) {
    int own = start(index);
    if (ends[index] - own != end - start) {
      return false;
    }
    for (int i = start; i < end; i++, own++) {
      if (characters[own] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private int indexOf(int id) {
    return id < 0 || id >= byId.length ? MISSING : byId[id] - 1;
  }

  /** The token of an id, or null. */
  public String token(int id) {
    int index = indexOf(id);
    return index == MISSING ? null : new String(characters, start(index), ends[index] - start(index));
  }

  public int size() {
    return size;
  }

  /** -1 if there is none. */
  public int largestId() {
    return largestId;
  }

  /** Gives back what growing has left over. */
  public void trim() {
    characters = Arrays.copyOf(characters, size == 0 ? 0 : ends[size - 1]);
    ends = Arrays.copyOf(ends, size);
    ids = Arrays.copyOf(ids, size);
    byId = Arrays.copyOf(byId, largestId + 1);
  }
}
