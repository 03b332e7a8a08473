package org.pocketzo.runtime.tokenizers.models;

import java.util.Arrays;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.description.TokenizerJson;
import org.pocketzo.runtime.tokenizers.description.Vocabulary;
import org.pocketzo.runtime.tokenizers.text.StringList;

/** Makes models from their descriptions. */
public final class Models {
  private Models() {}

  /** Throws BadInput for a model that is not reproduced exactly. */
  public static Model of(TokenizerJson json) throws BadInput {
    Component fields = Component.of("model", json.model());
    switch (fields.type()) {
      case "BPE":
        return bpe(fields, json);
      case "WordPiece":
        return wordPiece(fields, json.vocabulary());
      default:
        throw fields.unsupported();
    }
  }

  private static Model bpe(Component fields, TokenizerJson json) throws BadInput {
    fields.only(
        "dropout",
        "unk_token",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "fuse_unk",
        "byte_fallback",
        "ignore_merges",
        "vocab",
        "merges");
    if (fields.has("dropout")) {
      throw fields.refused("has a dropout, which makes its tokens a matter of chance");
    }
    for (String name : Arrays.asList("continuing_subword_prefix", "end_of_word_suffix")) {
      if (fields.has(name) && !fields.text(name).isEmpty()) {
        throw fields.refused("has a " + name + ", which phones do not reproduce");
      }
    }
    if (!fields.has("vocab") || !fields.has("merges")) {
      throw fields.refused("has no vocabulary or no merges");
    }
    Vocabulary vocabulary = json.vocabulary();
    int unknown = fields.has("unk_token") ? unknown(fields, vocabulary) : Vocabulary.MISSING;
    return new Bpe(
        vocabulary,
        merges(fields, json),
        unknown,
        fields.has("fuse_unk") && fields.flag("fuse_unk"),
        fields.has("ignore_merges") && fields.flag("ignore_merges"),
        fields.has("byte_fallback") && fields.flag("byte_fallback") ? byteTokens(vocabulary) : null);
  }

  private static int unknown(Component fields, Vocabulary vocabulary) throws BadInput {
    int unknown = vocabulary.find(fields.text("unk_token"));
    if (unknown == Vocabulary.MISSING) {
      throw fields.refused("has an unk_token that is not in its vocabulary");
    }
    return unknown;
  }

  private static int[] byteTokens(Vocabulary vocabulary) {
    int[] tokens = new int[256];
    Arrays.setAll(tokens, b -> vocabulary.find(ByteFallback.token(b)));
    return tokens;
  }

  private static Merges merges(Component fields, TokenizerJson json) throws BadInput {
    StringList written = json.merges();
    Merges merges = new Merges(written.size() / 2);
    for (int i = 0; i < written.size(); i += 2) {
      String a = written.get(i);
      String b = written.get(i + 1);
      int left = json.vocabulary().find(a);
      int right = json.vocabulary().find(b);
      int merged = json.vocabulary().find(a + b);
      if (left == Vocabulary.MISSING || right == Vocabulary.MISSING || merged == Vocabulary.MISSING) {
        throw fields.refused("merges \"" + a + "\" and \"" + b + "\", and its vocabulary lacks one of the tokens");
      }
      merges.add(left, right, merged);
    }
    return merges;
  }

  private static Model wordPiece(Component fields, Vocabulary vocabulary) throws BadInput {
    fields.only("unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab");
    if (!fields.has("vocab")) {
      throw fields.refused("has no vocabulary");
    }
    String prefix = fields.text("continuing_subword_prefix");
    long longest = fields.count("max_input_chars_per_word");
    return new WordPiece(vocabulary, unknown(fields, vocabulary), prefix, longest);
  }
}
