package org.pocketzo.runtime.tasks;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/** Tasks from their definitions. One small file a kind. */
public final class Tasks {
  private interface Maker {
    Task make(Map<String, Object> definition, Object where, Tokenizer tokenizer, Manifest.Model model)
        throws PocketzoException;
  }

  /** What a kind owns: its keys, the labels of a definition, and how a task is made of one. */
  private record Kind(List<String> keys, Function<Map<String, Object>, List<String>> labels, Maker maker) {}

  private static final Map<String, Kind> TABLE = new LinkedHashMap<>();

  static {
    TABLE.put(
        Classify.KIND,
        new Kind(Classify.KEYS, Classify::labelsOf, (task, where, tokenizer, model) ->
            new Classify(task, where, tokenizer, (int) model.vocabulary())));
    TABLE.put(
        Complete.KIND,
        new Kind(Complete.KEYS, Complete::labelsOf, (task, where, tokenizer, model) ->
            new Complete(task, where, tokenizer, (int) model.vocabulary(), model.eosTokenId())));
  }

  /** The kinds that this build knows. */
  public static final List<String> KINDS = Collections.unmodifiableList(new ArrayList<>(TABLE.keySet()));

  private static final Set<String> KEYS = new LinkedHashSet<>(Collections.singletonList("kind"));

  static {
    TABLE.values().forEach(kind -> KEYS.addAll(kind.keys()));
  }

  private Tasks() {}

  /**
   * The task that {@code definition} (a parsed task file) describes, for {@code model}; {@code where} names the source
   * in messages.
   *
   * @throws BadInput if the kind is unknown or a field is missing or wrong
   */
  public static Task make(Map<String, Object> definition, Object where, Tokenizer tokenizer, Manifest.Model model)
      throws PocketzoException {
    Object kind = definition.get("kind");
    String known = "Use one of: " + String.join(", ", KINDS);
    if (!(kind instanceof String)) {
      throw BadInput.of(where, "a task needs a \"kind\"", known);
    }
    TreeSet<String> unknown = new TreeSet<>(definition.keySet());
    unknown.removeAll(KEYS);
    if (!unknown.isEmpty()) {
      throw BadInput.of(
          where, "the task has an unknown key \"" + unknown.first() + "\"", "Keys: " + String.join(", ", KEYS));
    }
    Kind found = TABLE.get(kind);
    if (found == null) {
      throw BadInput.of(where, "task kind \"" + kind + "\" is not known", known);
    }
    return found.maker().make(definition, where, tokenizer, model);
  }

  /** The labels that {@code definition} names; none where its kind has none. */
  public static List<String> labels(Map<String, Object> definition) {
    Kind kind = TABLE.get(definition.get("kind"));
    return kind == null ? Collections.emptyList() : kind.labels().apply(definition);
  }

  /** The keys of each kind, by its name. */
  static Map<String, List<String>> keys() {
    Map<String, List<String>> keys = new LinkedHashMap<>();
    TABLE.forEach((name, kind) -> keys.put(name, kind.keys()));
    return keys;
  }

  /**
   * Parses a task file.
   *
   * @throws BadInput if it is missing or not a JSON object
   */
  @SuppressWarnings("unchecked")
  public static Map<String, Object> read(Path path) throws BadInput {
    Object content = Json.read(path, "task file");
    if (!(content instanceof Map)) {
      throw BadInput.of(path, "the task file is not a JSON object", "Write {\"kind\": \"" + Classify.KIND + "\", ...}");
    }
    return (Map<String, Object>) content;
  }
}
