package org.pocketzo.runtime.tokenizers.decoders;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.models.ByteFallback;
import org.pocketzo.runtime.tokenizers.normalizers.Normalizer;
import org.pocketzo.runtime.tokenizers.normalizers.Normalizers;
import org.pocketzo.runtime.tokenizers.patterns.Matches;
import org.pocketzo.runtime.tokenizers.patterns.PatternParser;
import org.pocketzo.runtime.tokenizers.pretokenizers.Metaspace;
import org.pocketzo.runtime.tokenizers.text.ByteAlphabet;
import org.pocketzo.runtime.tokenizers.text.Utf8;

/** Makes decoders from their descriptions. */
public final class Decoders {
  private static final String[][] CLEANUP = {
    {" .", "."},
    {" ?", "?"},
    {" !", "!"},
    {" ,", ","},
    {" ' ", "'"},
    {" n't", "n't"},
    {" 'm", "'m"},
    {" do not", " don't"},
    {" 's", "'s"},
    {" 've", "'ve"},
    {" 're", "'re"}
  };

  private Decoders() {}

  /** Throws BadInput for one that is not reproduced exactly; without a description spaces stand between tokens. */
  public static Decoder of(Object description) throws BadInput {
    return description == null
        ? tokens -> Collections.singletonList(String.join(" ", tokens))
        : of(Component.of("decoder", description));
  }

  private static Decoder of(Component fields) throws BadInput {
    switch (fields.type()) {
      case "Sequence":
        List<Decoder> steps = new ArrayList<>();
        for (Component step : fields.only("decoders").objects("decoder", "decoders")) {
          steps.add(of(step));
        }
        return tokens -> {
          List<String> result = tokens;
          for (Decoder step : steps) {
            result = step.decode(result);
          }
          return result;
        };
      case "ByteLevel":
        fields.only("add_prefix_space", "trim_offsets", "use_regex");
        fields.flag("add_prefix_space");
        fields.flag("trim_offsets");
        fields.flag("use_regex", true);
        return tokens -> Collections.singletonList(bytes(tokens));
      case "ByteFallback":
        fields.only();
        return ByteFallback::decode;
      case "Fuse":
        fields.only();
        return tokens -> Collections.singletonList(String.join("", tokens));
      case "Replace":
        Matches pattern = PatternParser.pattern(fields.only("pattern", "content"));
        String content = fields.text("content");
        return each(token -> Normalizers.replaced(token, pattern, content));
      case "Strip":
        return strip(fields.only("content", "start", "stop"));
      case "Metaspace":
        return metaspace(fields.only("replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"));
      case "WordPiece":
        return wordPiece(fields.only("prefix", "cleanup"));
      default:
        throw fields.unsupported();
    }
  }

  private static Decoder each(Normalizer change) {
    return tokens -> {
      List<String> result = new ArrayList<>(tokens.size());
      for (String token : tokens) {
        result.add(change.normalize(token));
      }
      return result;
    };
  }

  private static String bytes(List<String> tokens) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String token : tokens) {
      if (ByteAlphabet.isBytes(token)) {
        for (int i = 0; i < token.length(); i++) {
          bytes.write(ByteAlphabet.byteOf(token.charAt(i)));
        }
      } else {
        byte[] own = token.getBytes(StandardCharsets.UTF_8);
        bytes.write(own, 0, own.length);
      }
    }
    return Utf8.lossy(bytes.toByteArray(), bytes.size());
  }

  private static Decoder strip(Component fields) throws BadInput {
    String content = fields.character("content");
    long start = fields.count("start");
    if (fields.count("stop") != 0) {
      throw fields.refused("takes characters off the end, which phones do not reproduce");
    }
    return each(
        token -> {
          String rest = token;
          for (long i = 0; i < start && rest.startsWith(content); i++) {
            rest = rest.substring(content.length());
          }
          return rest;
        });
  }

  private static Decoder metaspace(Component fields) throws BadInput {
    String mark = fields.character("replacement");
    boolean prepended = !Metaspace.scheme(fields).equals("never");
    fields.flag("split", true);
    return tokens -> {
      List<String> result = new ArrayList<>(tokens.size());
      for (String token : tokens) {
        result.add(token.replace(mark, prepended && result.isEmpty() ? "" : " "));
      }
      return result;
    };
  }

  private static Decoder wordPiece(Component fields) throws BadInput {
    String prefix = fields.text("prefix");
    boolean cleanup = fields.flag("cleanup");
    return tokens -> {
      List<String> result = new ArrayList<>(tokens.size());
      for (String token : tokens) {
        String text = token;
        if (!result.isEmpty()) {
          text = token.startsWith(prefix) ? token.substring(prefix.length()) : " " + token;
        }
        for (int i = 0; cleanup && i < CLEANUP.length; i++) {
          text = text.replace(CLEANUP[i][0], CLEANUP[i][1]);
        }
        result.add(text);
      }
      return result;
    };
  }
}
