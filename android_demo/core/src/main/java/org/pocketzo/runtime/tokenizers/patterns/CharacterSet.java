package org.pocketzo.runtime.tokenizers.patterns;

import java.util.Arrays;
import org.pocketzo.runtime.tokenizers.text.Characters;

/** The code points that one place of a pattern matches. */
final class CharacterSet {
  private final boolean[] ascii = new boolean[128];
  private int[] ranges = new int[0];
  private int categories;
  private int otherCategories;
  private int properties;
  private int otherProperties;
  private boolean negated;

  /** Adds the code points from {@code first} to {@code last}. */
  void addRange(int first, int last) {
    ranges = Arrays.copyOf(ranges, ranges.length + 2);
    ranges[ranges.length - 2] = first;
    ranges[ranges.length - 1] = last;
  }

  /** Adds the code points whose category is in the set, or is not. */
  void addCategories(int set, boolean not) {
    categories |= not ? 0 : set;
    otherCategories |= not ? ~set & ((1 << Characters.CATEGORIES.size() + 1) - 1) : 0;
  }

  /** Adds the code points that have a property, or have not. */
  void addProperty(int property, boolean not) {
    properties |= not ? 0 : property;
    otherProperties |= not ? property : 0;
  }

  /** Turns the set into all others, and makes it fast; nothing may be added afterwards. */
  CharacterSet finish(boolean negate) {
    for (int c = 0; c < ascii.length; c++) {
      ascii[c] = listed(c) != negate;
    }
    negated = negate;
    return this;
  }

  boolean contains(int c) {
    return c < ascii.length ? ascii[c] : listed(c) != negated;
  }

  private boolean listed(int c) {
    for (int i = 0; i < ranges.length; i += 2) {
      if (ranges[i] <= c && c <= ranges[i + 1]) {
        return true;
      }
    }
    return Characters.isOf(c, categories | otherCategories) || hasProperty(c);
  }

  private boolean hasProperty(int c) {
    if (Characters.has(c, properties)) {
      return true;
    }
    for (int rest = otherProperties; rest != 0; rest &= rest - 1) {
      if (!Characters.has(c, Integer.lowestOneBit(rest))) {
        return true;
      }
    }
    return false;
  }
}
