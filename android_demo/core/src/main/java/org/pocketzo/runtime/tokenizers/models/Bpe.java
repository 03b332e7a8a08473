package org.pocketzo.runtime.tokenizers.models;

import java.util.HashMap;
import java.util.Map;
import org.pocketzo.runtime.tokenizers.description.Vocabulary;
import org.pocketzo.runtime.tokenizers.text.IntList;
import org.pocketzo.runtime.tokenizers.text.Utf8;

/** Byte pair encoding: characters, or their bytes where a character is unknown, merged in the order of training. */
final class Bpe implements Model {
  private static final int CACHED_WORDS = 10_000;
  private static final int CACHED_LENGTH = 64;

  private final Vocabulary vocabulary;
  private final Merges merges;
  private final int unknown;
  private final boolean fuseUnknown;
  private final boolean ignoreMerges;
  private final int[] byteTokens;
  private final Map<String, int[]> cache = new HashMap<>();

  /**
   * @param unknown the id for characters that are not in the vocabulary, or MISSING to leave them out
   * @param byteTokens the ids of the 256 bytes, MISSING where there is none; null without byte fallback
   */
  Bpe(Vocabulary vocabulary, Merges merges, int unknown, boolean fuseUnknown, boolean ignoreMerges, int[] byteTokens) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.unknown = unknown;
    this.fuseUnknown = fuseUnknown;
    this.ignoreMerges = ignoreMerges;
    this.byteTokens = byteTokens;
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String word, IntList out) {
    int whole = ignoreMerges ? vocabulary.find(word) : Vocabulary.MISSING;
    if (whole != Vocabulary.MISSING) {
      out.add(whole);
    } else if (word.length() > CACHED_LENGTH) {
      out.addAll(merged(word));
    } else {
      out.addAll(cached(word));
    }
  }

  private synchronized int[] cached(String word) {
    int[] ids = cache.get(word);
    if (ids == null) {
      if (cache.size() >= CACHED_WORDS) {
        cache.clear();
      }
      ids = merged(word);
      cache.put(word, ids);
    }
    return ids;
  }

  private int[] merged(String text) {
    Word word = new Word();
    boolean pending = false;
    for (int i = 0; i < text.length(); ) {
      int end = i + Character.charCount(text.codePointAt(i));
      int id = vocabulary.find(text, i, end);
      if (id != Vocabulary.MISSING) {
        if (pending) {
          word.add(unknown);
          pending = false;
        }
        word.add(id);
      } else if (!addBytes(word, text.codePointAt(i)) && unknown != Vocabulary.MISSING) {
        if (pending && !fuseUnknown) {
          word.add(unknown);
        }
        pending = true;
      }
      i = end;
    }
    if (pending) {
      word.add(unknown);
    }
    return word.merge(merges);
  }

  /** An unknown character that waits is overtaken by the bytes that follow it, as it is in `tokenizers`. */
  private boolean addBytes(Word word, int c) {
    if (byteTokens == null) {
      return false;
    }
    byte[] bytes = new byte[4];
    int length = Utf8.encode(c, bytes);
    for (int k = 0; k < length; k++) {
      if (byteTokens[bytes[k] & 0xFF] == Vocabulary.MISSING) {
        return false;
      }
    }
    for (int k = 0; k < length; k++) {
      word.add(byteTokens[bytes[k] & 0xFF]);
    }
    return true;
  }
}
