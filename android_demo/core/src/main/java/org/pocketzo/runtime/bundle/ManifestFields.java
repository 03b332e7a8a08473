package org.pocketzo.runtime.bundle;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.pocketzo.runtime.json.Fields;

/** The schema of the manifest: each field's type and limits. */
public final class ManifestFields {
  private static final Pattern ANY = Pattern.compile("(?s).*");
  private static final Pattern BOUND = Pattern.compile("[A-Za-z]{1,16}");
  private static final int BOUNDS = 16;
  private static final int CURVE = 64;
  private static final String SHARE = "must be from 0 to 1";

  private ManifestFields() {}

  static Manifest manifest(Map<?, ?> members) throws Fields.Wrong {
    Fields fields = new Fields(members, "");
    fields.oneOf("format", "pocketzo-bundle");
    fields.oneOf("schema_version", Manifest.SCHEMA);
    Manifest manifest =
        new Manifest(
            fields.text("pocketzo_version"),
            model(fields.inner("model")),
            quantization(fields.inner("quantization")),
            values(fields.inner("values")),
            fields.list("graphs", 1, 16, ManifestFields::graph),
            estimator(fields.inner("estimator")),
            golden(fields.inner("golden")),
            reading(fields.take("reading", null), "reading"),
            heldOut(fields.take("held_out", null), "held_out"),
            task(fields.take("task"), "task"),
            fields.map("files", 64, Fields.FILE_NAME, ManifestFields::file));
    fields.end();
    return manifest;
  }

  private static Manifest.FileEntry file(Object content, String where) throws Fields.Wrong {
    Fields fields = new Fields(content, where);
    Manifest.FileEntry file = new Manifest.FileEntry(fields.count("bytes"), fields.sha256("sha256"));
    fields.end();
    return file;
  }

  private static Manifest.Model model(Fields fields) throws Fields.Wrong {
    Manifest.Model model =
        new Manifest.Model(
            fields.text("name"),
            fields.text("family"),
            fields.sha256("checkpoint_sha256"),
            fields.positive("parameters"),
            fields.positive("layers"),
            fields.positive("hidden_size"),
            fields.positive("intermediate_size"),
            fields.positive("heads"),
            fields.positive("vocabulary"),
            fields.positive("context_tokens"),
            fields.truth("tied_embedding"),
            token(fields.take("eos_token_id"), fields.at("eos_token_id")));
    fields.end();
    return model;
  }

  private static Integer token(Object content, String where) throws Fields.Wrong {
    if (content == null) {
      return null;
    }
    if (!(content instanceof Long) || (Long) content != ((Long) content).intValue()) {
      throw new Fields.Wrong(where, "must be a token id or null");
    }
    return ((Long) content).intValue();
  }

  private static Manifest.Quantization quantization(Fields fields) throws Fields.Wrong {
    Manifest.Quantization quantization =
        new Manifest.Quantization(
            fields.oneOf("weight_bits", 4, 8),
            fields.oneOf("group_size", 0, 16, 32, 64, 128, 256),
            fields.count("outliers"),
            fields.oneOf("embedding_bits", 4, 8),
            fields.oneOf("embedding_group_size", 16, 32, 64, 128, 256),
            fields.oneOf("accuracy_level", 1, 4));
    fields.end();
    return quantization;
  }

  private static Manifest.Values values(Fields fields) throws Fields.Wrong {
    Manifest.Values values =
        new Manifest.Values(
            fields.fileName("file"),
            fields.oneOf("scope", "channels", "weights"),
            fields.truth("per_layer"),
            fields.count("first_layer"),
            fields.number("density", x -> x > 0 && x <= 1, "must be greater than 0 and at most 1"),
            fields.positive("count"),
            fields.positive("eligible_weights"),
            fields.number("sensitivity_captured", x -> x >= 0 && x <= 1, SHARE),
            calibration(fields.inner("calibration")),
            fields.list("blocks", 1, 100_000, ManifestFields::block));
    fields.end();
    return values;
  }

  private static Manifest.Calibration calibration(Fields fields) throws Fields.Wrong {
    Manifest.Calibration calibration =
        new Manifest.Calibration(
            fields.text("source"),
            fields.sha256("sha256"),
            fields.positive("windows"),
            fields.positive("window_tokens"));
    fields.end();
    return calibration;
  }

  private static Manifest.Block block(Object content, String where) throws Fields.Wrong {
    Fields fields = new Fields(content, where);
    Manifest.Block block =
        new Manifest.Block(
            fields.text("layer"),
            fields.positive("rows"),
            fields.positive("columns"),
            fields.count("offset"),
            fields.positive("count"),
            fields.count("entries_offset"),
            fields.positive("entries"));
    fields.end();
    return block;
  }

  private static Manifest.Graph graph(Object content, String where) throws Fields.Wrong {
    Fields fields = new Fields(content, where);
    Object opset = fields.take("opset", null);
    Object eps = fields.take("eps", null);
    Manifest.Graph graph =
        new Manifest.Graph(
            fields.text("engine"),
            fields.fileName("file"),
            fields.text("minimum_engine_version"),
            opset == null ? null : (Long) Fields.integer(opset, fields.at("opset"), 1),
            fields.list("domains", 0, 16, Fields::textOf),
            fields.list("inputs", 0, 16, ManifestFields::tensor),
            fields.list("outputs", 0, 16, ManifestFields::tensor),
            Fields.mapOf(
                fields.take("bounds", Collections.emptyMap()), fields.at("bounds"), BOUNDS, BOUND,
                (bound, at) -> Fields.integer(bound, at, 1)),
            eps == null ? null : (Double) Fields.positiveNumber(eps, fields.at("eps")),
            Fields.listOf(
                fields.take("eps_curve", Collections.emptyList()), fields.at("eps_curve"), 0, CURVE,
                ManifestFields::point));
    fields.end();
    return graph;
  }

  private static Manifest.Tensor tensor(Object content, String where) throws Fields.Wrong {
    Fields fields = new Fields(content, where);
    Manifest.Tensor tensor =
        new Manifest.Tensor(
            fields.text("name"),
            fields.oneOf("type", "int64", "float32"),
            fields.list("shape", 0, 8, ManifestFields::dimension));
    fields.end();
    return tensor;
  }

  private static Object dimension(Object content, String where) throws Fields.Wrong {
    return content instanceof String ? Fields.textOf(content, where) : (Object) Fields.integer(content, where, 1);
  }

  private static Manifest.Estimator estimator(Fields fields) throws Fields.Wrong {
    Manifest.Estimator estimator =
        new Manifest.Estimator(
            fields.oneOf("kind", "two-point"),
            fields.oneOf("directions", "rademacher"),
            fields.oneOf("rng", "philox4x64-10"),
            Fields.positiveNumber(fields.take("eps"), fields.at("eps")),
            fields.list("eps_curve", 0, CURVE, ManifestFields::point));
    fields.end();
    return estimator;
  }

  private static Manifest.EpsPoint point(Object content, String where) throws Fields.Wrong {
    Fields fields = new Fields(content, where);
    Manifest.EpsPoint point =
        new Manifest.EpsPoint(
            Fields.positiveNumber(fields.take("eps"), fields.at("eps")),
            Fields.notNegativeNumber(fields.take("error"), fields.at("error")),
            fields.number("correlation", x -> x >= -1 && x <= 1, "must be from -1 to 1"));
    fields.end();
    return point;
  }

  private static Manifest.Golden golden(Fields fields) throws Fields.Wrong {
    Manifest.Golden golden =
        new Manifest.Golden(fields.fileName("file"), fields.map("tolerance", 16, ANY, Fields::positiveNumber));
    fields.end();
    return golden;
  }

  private static Manifest.Reading reading(Object content, String where) throws Fields.Wrong {
    if (content == null) {
      return null;
    }
    Fields fields = new Fields(content, where);
    String by = fields.text("by");
    long tokens = fields.positive("tokens");
    Object difference = fields.take("difference");
    fields.end();
    return new Manifest.Reading(
        by,
        tokens,
        difference == null ? null : (Double) Fields.notNegativeNumber(difference, fields.at("difference")));
  }

  private static Manifest.HeldOut heldOut(Object content, String where) throws Fields.Wrong {
    if (content == null) {
      return null;
    }
    Fields fields = new Fields(content, where);
    Manifest.HeldOut heldOut =
        new Manifest.HeldOut(
            fields.positive("tokens"),
            Fields.notNegativeNumber(fields.take("checkpoint"), fields.at("checkpoint")),
            fields.map("engines", 16, ANY, Fields::notNegativeNumber));
    fields.end();
    return heldOut;
  }

  /** A task as a task file writes it; its kind decides what else it holds. */
  public static Map<String, Object> task(Object content, String where) throws Fields.Wrong {
    if (content == null) {
      return null;
    }
    new Fields(content, where).text("kind", Integer.MAX_VALUE);
    return kindFirst((Map<?, ?>) content);
  }

  /** A task's members in the order in which headers and manifests have them. */
  public static Map<String, Object> kindFirst(Map<?, ?> task) {
    Map<String, Object> ordered = new LinkedHashMap<>();
    ordered.put("kind", task.get("kind"));
    for (Map.Entry<?, ?> member : task.entrySet()) {
      ordered.put((String) member.getKey(), member.getValue());
    }
    return Collections.unmodifiableMap(ordered);
  }
}
