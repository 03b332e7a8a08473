package org.pocketzo.runtime.tokenizers;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.text.IntList;

/** What puts special tokens around the ids of a text that opens a sequence. */
final class PostProcessors {
  private PostProcessors() {}

  /** Throws BadInput for one that is not reproduced exactly; without a description nothing is added. */
  static UnaryOperator<int[]> of(Object description) throws BadInput {
    return description == null ? ids -> ids : of(Component.of("post-processor", description));
  }

  /**
   * How many tokens are put after every text: those behind the last place at which two texts of one token each differ.
   * What a text itself ends with, be it written like EOS, is no part of it.
   */
  static int tail(UnaryOperator<int[]> postProcessor) {
    int[] one = postProcessor.apply(new int[] {0});
    int[] other = postProcessor.apply(new int[] {1});
    for (int i = one.length - 1; i >= 0; i--) {
      if (one[i] != other[i]) {
        return one.length - 1 - i;
      }
    }
    return 0;
  }

  private static UnaryOperator<int[]> of(Component fields) throws BadInput {
    switch (fields.type()) {
      case "Sequence":
        List<UnaryOperator<int[]>> steps = new ArrayList<>();
        for (Component step : fields.only("processors").objects("post-processor", "processors")) {
          steps.add(of(step));
        }
        return ids -> {
          int[] result = ids;
          for (UnaryOperator<int[]> step : steps) {
            result = step.apply(result);
          }
          return result;
        };
      case "ByteLevel":
        fields.only("add_prefix_space", "trim_offsets", "use_regex");
        fields.flag("add_prefix_space");
        fields.flag("trim_offsets");
        fields.flag("use_regex", true);
        return ids -> ids;
      case "TemplateProcessing":
        return template(fields.only("single", "pair", "special_tokens"));
      case "BertProcessing":
        return around(fields.only("sep", "cls"));
      case "RobertaProcessing":
        fields.only("sep", "cls", "trim_offsets", "add_prefix_space");
        fields.flag("trim_offsets");
        fields.flag("add_prefix_space");
        return around(fields);
      default:
        throw fields.unsupported();
    }
  }

  private static UnaryOperator<int[]> around(Component fields) throws BadInput {
    int cls = id(fields, "cls");
    int sep = id(fields, "sep");
    return ids -> {
      int[] result = new int[ids.length + 2];
      result[0] = cls;
      System.arraycopy(ids, 0, result, 1, ids.length);
      result[ids.length + 1] = sep;
      return result;
    };
  }

  private static int id(Component fields, String name) throws BadInput {
    List<?> pair = fields.list(name);
    if (pair.size() != 2 || !(pair.get(0) instanceof String)) {
      throw fields.refused("has the member \"" + name + "\", which is no token and its id");
    }
    return id(fields, pair.get(1));
  }

  private static int id(Component fields, Object value) throws BadInput {
    if (!(value instanceof Long) || (Long) value < 0 || (Long) value > Integer.MAX_VALUE) {
      throw fields.refused("has the token id " + value + ", which is none");
    }
    return (int) (long) (Long) value;
  }

  private static UnaryOperator<int[]> template(Component fields) throws BadInput {
    Map<String, int[]> special = specialTokens(fields);
    fields.list("pair");
    List<int[]> parts = new ArrayList<>();
    for (Component part : fields.objects("part of the TemplateProcessing", "single")) {
      part.only("SpecialToken", "Sequence");
      if (part.has("SpecialToken") == part.has("Sequence")) {
        throw part.refused("is no SpecialToken and no Sequence");
      }
      if (part.has("Sequence")) {
        Component sequence = Component.of("Sequence", part.value("Sequence")).only("id", "type_id");
        if (!sequence.text("id").equals("A")) {
          throw sequence.refused("of a single text is not A");
        }
        parts.add(null);
      } else {
        String name = Component.of("SpecialToken", part.value("SpecialToken")).only("id", "type_id").text("id");
        if (!special.containsKey(name)) {
          throw part.refused("names the token " + name + ", which is not among the special_tokens");
        }
        parts.add(special.get(name));
      }
    }
    return ids -> {
      IntList result = new IntList();
      for (int[] part : parts) {
        result.addAll(part == null ? ids : part);
      }
      return result.toArray();
    };
  }

  private static Map<String, int[]> specialTokens(Component fields) throws BadInput {
    Object described = fields.value("special_tokens");
    if (!(described instanceof Map)) {
      throw fields.refused("has no special_tokens");
    }
    Map<String, int[]> special = new HashMap<>();
    for (Map.Entry<?, ?> entry : ((Map<?, ?>) described).entrySet()) {
      Component token = Component.of("special token", entry.getValue()).only("id", "ids", "tokens");
      if (!token.text("id").equals(entry.getKey())) {
        throw token.refused("has another id than its name");
      }
      IntList ids = new IntList();
      for (Object value : token.list("ids")) {
        ids.add(id(token, value));
      }
      special.put(token.text("id"), ids.toArray());
    }
    return special;
  }
}
