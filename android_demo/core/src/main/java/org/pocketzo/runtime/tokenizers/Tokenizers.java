package org.pocketzo.runtime.tokenizers;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.decoders.Decoders;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.description.TokenizerJson;
import org.pocketzo.runtime.tokenizers.models.Model;
import org.pocketzo.runtime.tokenizers.models.Models;
import org.pocketzo.runtime.tokenizers.normalizers.Normalizer;
import org.pocketzo.runtime.tokenizers.normalizers.Normalizers;
import org.pocketzo.runtime.tokenizers.pretokenizers.PreTokenizers;

/** Opens tokenizers. What a tokenizer.json asks for is done exactly as the `tokenizers` library does it, or refused. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * Reads a tokenizer.json. The result may be used by several threads.
   *
   * @throws BadInput naming the component if one is not reproduced exactly, or if the file is damaged
   */
  public static Tokenizer open(Path path) throws BadInput {
    TokenizerJson json = TokenizerJson.read(path);
    Component fields =
        Component.of("file", json.members())
            .only(
                "version",
                "truncation",
                "padding",
                "added_tokens",
                "normalizer",
                "pre_tokenizer",
                "post_processor",
                "decoder",
                "model");
    if (!fields.text("version").equals("1.0") || !fields.has("model")) {
      throw fields.refused("is no tokenizer of version 1.0");
    }
    Normalizer normalizer = Normalizers.of(fields.value("normalizer"));
    Model model = Models.of(json);
    checkFirst(fields);
    List<?> tokens = fields.lists("added_tokens") ? fields.list("added_tokens") : Collections.emptyList();
    return new Pipeline(
        new AddedTokens(tokens, model.vocabulary(), normalizer),
        PreTokenizers.of(fields.value("pre_tokenizer")),
        model,
        PostProcessors.of(fields.value("post_processor")),
        Decoders.of(fields.value("decoder")));
  }

  /**
   * A mark before the first word only asks where a word stood in the text as it was typed; that is known as long as no
   * normalizer moves characters.
   */
  private static void checkFirst(Component fields) throws BadInput {
    if (fields.has("normalizer") && asksForFirst(fields.value("pre_tokenizer"))) {
      throw fields.refused("has the prepend_scheme first together with a normalizer");
    }
  }

  private static boolean asksForFirst(Object value) {
    if (value instanceof Map) {
      Map<?, ?> members = (Map<?, ?>) value;
      return "first".equals(members.get("prepend_scheme")) || asksForFirst(new ArrayList<>(members.values()));
    }
    boolean found = false;
    for (Object item : value instanceof List ? (List<?>) value : Collections.emptyList()) {
      found |= asksForFirst(item);
    }
    return found;
  }
}
