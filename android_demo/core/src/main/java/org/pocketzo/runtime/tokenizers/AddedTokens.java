package org.pocketzo.runtime.tokenizers;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.description.Vocabulary;
import org.pocketzo.runtime.tokenizers.normalizers.Normalizer;
import org.pocketzo.runtime.tokenizers.pretokenizers.Piece;
import org.pocketzo.runtime.tokenizers.text.Characters;

/** Tokens that are found in the text itself, before a model sees it. */
final class AddedTokens {
  /** One of them, as it is searched for. */
  private record Added(String content, int id, boolean singleWord, boolean lstrip, boolean rstrip) {}

  private final Map<Character, List<Added>> plain = new HashMap<>();
  private final Map<Character, List<Added>> normalized = new HashMap<>();
  private final Map<Integer, String> contents = new HashMap<>();
  private final Normalizer normalizer;
  private int largestId = -1;

  /**
   * Throws BadInput if a token is described wrongly or twice, or has another id than `tokenizers` gives it: that of the
   * vocabulary, or the next one behind it.
   */
  AddedTokens(List<?> descriptions, Vocabulary vocabulary, Normalizer normalizer) throws BadInput {
    this.normalizer = normalizer;
    Set<String> known = new HashSet<>();
    int next = vocabulary.size();
    for (Object description : descriptions) {
      Component fields = Component.of("added token", description);
      fields.only("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
      String content = fields.text("content");
      fields.flag("special");
      if (content.isEmpty() || !known.add(content)) {
        throw fields.refused("\"" + content + "\" is empty or there twice");
      }
      int own = vocabulary.find(content);
      int id = own == Vocabulary.MISSING ? next++ : own;
      if (fields.count("id") != id) {
        throw fields.refused("\"" + content + "\" has the id " + fields.count("id") + " where " + id + " is expected");
      }
      add(fields, content, id);
    }
    longestFirst(plain);
    longestFirst(normalized);
  }

  private static void longestFirst(Map<Character, List<Added>> tokens) {
    for (List<Added> group : tokens.values()) {
      group.sort((a, b) -> b.content.length() - a.content.length());
    }
  }

  private void add(Component fields, String content, int id) throws BadInput {
    boolean normal = fields.flag("normalized");
    String sought = normal ? normalizer.normalize(content) : content;
    Added token =
        new Added(sought, id, fields.flag("single_word"), fields.flag("lstrip"), fields.flag("rstrip"));
    if (sought.isEmpty()) {
      throw fields.refused("\"" + content + "\" is empty when it is normalized");
    }
    List<Added> group = (normal ? normalized : plain).computeIfAbsent(sought.charAt(0), c -> new ArrayList<>());
    for (Added other : group) {
      if (other.content.equals(sought)) {
        throw fields.refused("\"" + content + "\" is the same as another one when it is normalized");
      }
    }
    group.add(token);
    contents.put(id, sought);
    largestId = Math.max(largestId, id);
  }

  /** The content of an added token, normalized if it is; null if the id is none. */
  String content(int id) {
    return contents.get(id);
  }

  int largestId() {
    return largestId;
  }

  /** Finds tokens in the text as it is, normalizes what is between, and finds there those that are normalized. */
  List<Piece> split(String text) {
    List<Piece> pieces = new ArrayList<>();
    for (Piece piece : find(text, true, plain)) {
      if (piece.token() == Piece.TEXT) {
        pieces.addAll(find(normalizer.normalize(piece.text()), piece.first(), normalized));
      } else {
        pieces.add(piece);
      }
    }
    return pieces;
  }

  private static List<Piece> find(String text, boolean first, Map<Character, List<Added>> tokens) {
    List<Piece> pieces = new ArrayList<>();
    int covered = 0;
    for (int at = 0; at < text.length() && !tokens.isEmpty(); ) {
      Added token = longest(text, at, tokens);
      if (token == null) {
        at++;
        continue;
      }
      int start = at;
      int end = at + token.content.length();
      at = end;
      if (token.singleWord && !standsAlone(text, start, end)) {
        continue;
      }
      start = token.lstrip ? Math.max(spaceBefore(text, start), covered) : start;
      end = token.rstrip ? spaceAfter(text, end) : end;
      if (covered < start) {
        pieces.add(new Piece(text.substring(covered, start), first && covered == 0));
      }
      pieces.add(new Piece("", false, token.id));
      covered = end;
    }
    if (covered < text.length()) {
      pieces.add(new Piece(text.substring(covered), first && covered == 0));
    }
    return pieces;
  }

  private static Added longest(String text, int at, Map<Character, List<Added>> tokens) {
    for (Added token : tokens.getOrDefault(text.charAt(at), java.util.Collections.emptyList())) {
      if (text.startsWith(token.content, at)) {
        return token;
      }
    }
    return null;
  }

  private static boolean standsAlone(String text, int start, int end) {
    boolean left = start == 0 || !Characters.has(text.codePointBefore(start), Characters.WORD);
    return left && (end == text.length() || !Characters.has(text.codePointAt(end), Characters.WORD));
  }

  private static int spaceBefore(String text, int start) {
    int at = start;
    while (at > 0 && Characters.has(text.charAt(at - 1), Characters.SPACE)) {
      at--;
    }
    return at;
  }

  private static int spaceAfter(String text, int end) {
    int at = end;
    while (at < text.length() && Characters.has(text.charAt(at), Characters.SPACE)) {
      at++;
    }
    return at;
  }
}
