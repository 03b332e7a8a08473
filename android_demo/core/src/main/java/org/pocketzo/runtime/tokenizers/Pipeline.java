package org.pocketzo.runtime.tokenizers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.decoders.Decoder;
import org.pocketzo.runtime.tokenizers.models.Model;
import org.pocketzo.runtime.tokenizers.pretokenizers.Piece;
import org.pocketzo.runtime.tokenizers.pretokenizers.PreTokenizer;
import org.pocketzo.runtime.tokenizers.text.IntList;
import org.pocketzo.runtime.tokenizers.text.Utf16;

/** The parts of a tokenizer one after another: added tokens, normalizer, pre-tokenizer, model, post-processor. */
final class Pipeline implements Tokenizer {
  private static final String BEFORE = ":";

  private final AddedTokens added;
  private final PreTokenizer preTokenizer;
  private final Model model;
  private final UnaryOperator<int[]> postProcessor;
  private final Decoder decoder;
  private final int tail;

  Pipeline(
      AddedTokens added,
      PreTokenizer preTokenizer,
      Model model,
      UnaryOperator<int[]> postProcessor,
      Decoder decoder) {
    this.added = added;
    this.preTokenizer = preTokenizer;
    this.model = model;
    this.postProcessor = postProcessor;
    this.decoder = decoder;
    tail = PostProcessors.tail(postProcessor);
  }

  @Override
  public int[] prompt(String text) throws BadInput {
    int[] ids = postProcessor.apply(encode(text));
    return Arrays.copyOf(ids, ids.length - tail);
  }

  @Override
  public int[] written(String text) throws BadInput {
    return encode(text);
  }

  /**
   * Some tokenizers put a mark before the first word of whatever they are given, so the text is encoded behind another
   * one, whose tokens are then taken away.
   */
  @Override
  public int[] continuation(String text) throws BadInput {
    int[] before = encode(BEFORE);
    int[] joint = encode(BEFORE + text);
    boolean whole = joint.length >= before.length && Arrays.equals(before, Arrays.copyOf(joint, before.length));
    return whole ? Arrays.copyOfRange(joint, before.length, joint.length) : encode(text);
  }

  private int[] encode(String text) throws BadInput {
    if (!Utf16.isText(text)) {
      throw BadInput.of("the text", "holds half of a character (a surrogate alone)", "Delete it and type it again");
    }
    IntList ids = new IntList();
    for (Piece piece : added.split(text)) {
      if (piece.token() != Piece.TEXT) {
        ids.add(piece.token());
        continue;
      }
      List<Piece> words = new ArrayList<>();
      preTokenizer.split(piece, words);
      for (Piece word : words) {
        if (!word.text().isEmpty()) {
          model.tokenize(word.text(), ids);
        }
      }
    }
    return ids.toArray();
  }

  @Override
  public String decode(int[] ids) {
    List<String> tokens = new ArrayList<>(ids.length);
    for (int id : ids) {
      String token = added.content(id);
      token = token == null ? model.vocabulary().token(id) : token;
      if (token != null) {
        tokens.add(token);
      }
    }
    return String.join("", decoder.decode(tokens));
  }

  @Override
  public int largestId() {
    return Math.max(added.largestId(), model.vocabulary().largestId());
  }
}
