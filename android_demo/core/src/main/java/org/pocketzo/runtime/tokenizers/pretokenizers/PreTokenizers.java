package org.pocketzo.runtime.tokenizers.pretokenizers;

import java.util.ArrayList;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.patterns.Matches;
import org.pocketzo.runtime.tokenizers.patterns.PatternParser;
import org.pocketzo.runtime.tokenizers.text.ByteAlphabet;
import org.pocketzo.runtime.tokenizers.text.Characters;

/** Makes pre-tokenizers from their descriptions. */
public final class PreTokenizers {
  private static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private PreTokenizers() {}

  /** Throws BadInput for one that is not reproduced exactly; without a description nothing is cut. */
  public static PreTokenizer of(Object description) throws BadInput {
    return description == null ? (piece, out) -> out.add(piece) : of(Component.of("pre-tokenizer", description));
  }

  private static PreTokenizer of(Component fields) throws BadInput {
    switch (fields.type()) {
      case "Sequence":
        return sequence(fields.only("pretokenizers").objects("pre-tokenizer", "pretokenizers"));
      case "ByteLevel":
        return byteLevel(fields.only("add_prefix_space", "trim_offsets", "use_regex"));
      case "Split":
        return split(fields.only("pattern", "behavior", "invert"));
      case "Digits":
        boolean single = fields.only("individual_digits").flag("individual_digits");
        return cut(Matches.property(Characters.NUMERIC), single ? Behavior.ISOLATED : Behavior.CONTIGUOUS);
      case "Metaspace":
        return Metaspace.of(fields);
      case "BertPreTokenizer":
        fields.only();
        return chain(
            cut(Matches.property(Characters.SPACE), Behavior.REMOVED),
            cut(Matches.property(Characters.PUNCTUATION), Behavior.ISOLATED));
      case "Whitespace":
        fields.only();
        return whitespace();
      case "WhitespaceSplit":
        fields.only();
        return cut(Matches.property(Characters.SPACE), Behavior.REMOVED);
      case "Punctuation":
        fields.only("behavior");
        Behavior behavior = fields.lists("behavior") ? behavior(fields) : Behavior.ISOLATED;
        return cut(Matches.property(Characters.PUNCTUATION), behavior);
      default:
        throw fields.unsupported();
    }
  }

  private static PreTokenizer cut(Matches pattern, Behavior behavior) {
    return (piece, out) -> behavior.split(piece, pattern, false, out);
  }

  private static PreTokenizer chain(PreTokenizer first, PreTokenizer second) {
    return (piece, out) -> {
      List<Piece> between = new ArrayList<>();
      first.split(piece, between);
      for (Piece part : between) {
        if (!part.text().isEmpty()) {
          second.split(part, out);
        }
      }
    };
  }

  private static PreTokenizer sequence(List<Component> descriptions) throws BadInput {
    PreTokenizer result = (piece, out) -> out.add(piece);
    for (Component description : descriptions) {
      result = chain(result, of(description));
    }
    return result;
  }

  private static PreTokenizer byteLevel(Component fields) throws BadInput {
    boolean prefix = fields.flag("add_prefix_space");
    fields.flag("trim_offsets");
    Matches pattern = fields.flag("use_regex", true) ? PatternParser.parse(GPT2) : null;
    return (piece, out) -> {
      boolean missing = prefix && !piece.text().startsWith(" ");
      Piece whole = missing ? new Piece(" " + piece.text(), piece.first()) : piece;
      List<Piece> parts = new ArrayList<>();
      if (pattern == null) {
        parts.add(whole);
      } else {
        Behavior.ISOLATED.split(whole, pattern, false, parts);
      }
      for (Piece part : parts) {
        out.add(new Piece(ByteAlphabet.encode(part.text()), part.first()));
      }
    };
  }

  private static Behavior behavior(Component fields) throws BadInput {
    Behavior behavior = Behavior.of(fields.text("behavior"));
    if (behavior == null) {
      throw fields.refused("has the behavior " + fields.text("behavior") + ", which phones do not know");
    }
    return behavior;
  }

  private static PreTokenizer split(Component fields) throws BadInput {
    Matches pattern = PatternParser.pattern(fields);
    Behavior behavior = behavior(fields);
    boolean invert = fields.flag("invert");
    return (piece, out) -> behavior.split(piece, pattern, invert, out);
  }

  /** \w is not the same here as in patterns, so that the stretches are found by hand. */
  private static PreTokenizer whitespace() {
    return (piece, out) -> {
      String text = piece.text();
      for (int start = 0; start < text.length(); ) {
        int kind = kind(text.codePointAt(start));
        int end = start;
        while (end < text.length() && kind(text.codePointAt(end)) == kind) {
          end += Character.charCount(text.codePointAt(end));
        }
        if (kind != Characters.SPACE) {
          out.add(new Piece(text.substring(start, end), piece.first() && start == 0));
        }
        start = end;
      }
    };
  }

  private static int kind(int c) {
    return Characters.has(c, Characters.WORD)
        ? Characters.WORD
        : Characters.has(c, Characters.SPACE) ? Characters.SPACE : 0;
  }
}
