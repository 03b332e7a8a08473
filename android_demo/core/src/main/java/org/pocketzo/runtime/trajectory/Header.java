package org.pocketzo.runtime.trajectory;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.ManifestFields;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Fields;
import org.pocketzo.runtime.system.Version;
import org.pocketzo.runtime.tasks.Tasks;

/**
 * The first line of a trajectory: everything that the rest depends on.
 *
 * @param pocketzo the version that wrote it
 * @param values K
 * @param hiddenSize H
 * @param task as its file writes it, the kind first
 * @param config TuneConfig's fields but {@code steps}, by their names in Python: Long, BigInteger or Double
 */
public record Header(
    String pocketzo,
    String bundle,
    long values,
    long hiddenSize,
    String train,
    String validation,
    Map<String, Object> task,
    String engine,
    String engineVersion,
    Map<String, Object> config) {
  private static final String FORMAT = "pocketzo-trajectory";
  private static final int TEXT = 64;
  private static final Pattern NAMES = Pattern.compile("(?s).*");
  private static final int SETTINGS = 64;

  /** The header of a run that begins here. */
  public static Header of(
      String bundle,
      long values,
      long hiddenSize,
      String train,
      String validation,
      Map<String, Object> task,
      String engine,
      String engineVersion,
      TuneConfig config) {
    return new Header(
        Version.POCKETZO, bundle, values, hiddenSize, train, validation, ManifestFields.kindFirst(task), engine,
        engineVersion, config.configMembers());
  }

  /** The header that a parsed line holds; throws Wrong naming the first field that is absent, unknown or wrong. */
  static Header read(Object content) throws Fields.Wrong {
    Fields fields = new Fields(content, "");
    fields.oneOf("format", FORMAT);
    fields.oneOf("version", 1);
    Header header =
        new Header(
            fields.text("pocketzo", TEXT),
            fields.sha256("bundle"),
            fields.positive("values"),
            fields.positive("hidden_size"),
            fields.sha256("train"),
            fields.sha256("validation"),
            ManifestFields.task(fields.inner("task").members(), "task"),
            fields.text("engine", TEXT),
            fields.text("engine_version", TEXT),
            fields.map("config", SETTINGS, NAMES, Header::setting));
    fields.end();
    return header;
  }

  private static Object setting(Object content, String where) throws Fields.Wrong {
    if (!(content instanceof Number)) {
      throw new Fields.Wrong(where, "must be a number");
    }
    return content;
  }

  /** The members of the line, in order, but for its chain. */
  Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("format", FORMAT);
    members.put("version", 1L);
    members.put("pocketzo", pocketzo);
    members.put("bundle", bundle);
    members.put("values", values);
    members.put("hidden_size", hiddenSize);
    members.put("train", train);
    members.put("validation", validation);
    members.put("task", task);
    members.put("engine", engine);
    members.put("engine_version", engineVersion);
    members.put("config", config);
    return members;
  }

  /** The labels of a classification; none for other tasks. */
  public List<String> labels() {
    return Tasks.labels(task);
  }

  /**
   * The run's settings, with the default number of steps.
   *
   * @throws org.pocketzo.runtime.errors.UsageError if one is out of range
   * @throws BadInput if they are not TuneConfig's
   */
  public TuneConfig settings() throws PocketzoException {
    Map<String, Object> expected = TuneConfig.defaults().configMembers();
    boolean fit = config.keySet().equals(expected.keySet());
    for (Map.Entry<String, Object> member : config.entrySet()) {
      fit = fit && isWhole(member.getValue()) == isWhole(expected.get(member.getKey()));
    }
    if (!fit) {
      throw new BadInput("config must hold " + String.join(", ", expected.keySet()));
    }
    TuneConfig settings = TuneConfig.defaults();
    for (String name : expected.keySet()) {
      settings = settings.with(name, (Number) config.get(name));
    }
    return settings;
  }

  private static boolean isWhole(Object value) {
    return value instanceof Long || value instanceof BigInteger;
  }
}
