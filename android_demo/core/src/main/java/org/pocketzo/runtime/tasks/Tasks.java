package org.pocketzo.runtime.tasks;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/** Tasks from their definitions. One small file a kind. */
public final class Tasks {
  /** The kinds that this build knows. */
  public static final List<String> KINDS = Collections.unmodifiableList(Arrays.asList("classify", "complete"));

  private static final List<String> KEYS = Arrays.asList("kind", "prompt", "labels", "completion");

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
    int vocabulary = (int) model.vocabulary();
    switch ((String) kind) {
      case "classify":
        return new Classify(definition, where, tokenizer, vocabulary);
      case "complete":
        return new Complete(definition, where, tokenizer, vocabulary, model.eosTokenId());
      default:
        throw BadInput.of(where, "task kind \"" + kind + "\" is not known", known);
    }
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
      throw BadInput.of(path, "the task file is not a JSON object", "Write {\"kind\": \"classify\", ...}");
    }
    return (Map<String, Object>) content;
  }
}
