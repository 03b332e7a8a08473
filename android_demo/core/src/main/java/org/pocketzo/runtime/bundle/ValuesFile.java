package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.LabelBias;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;

/**
 * What a values file holds: the tensor {@code values} (fp32 [K]) and, for tuned ones, the bundle that they belong to
 * and their step. Those of a classification hold the label bias too, by label, and the label head.
 *
 * @param bundle null, as {@code step} is, in a bundle's own
 * @param labelBias by label; empty without labels
 * @param labelHead rows in the order of {@code labelBias}, or null
 */
public record ValuesFile(
    float[] values, String bundle, Long step, Map<String, Double> labelBias, LabelHead labelHead) {
  /** Key of the file's metadata: JSON with the hash of the bundle, the step, and the label bias by label, if any. */
  public static final String METADATA = "pocketzo";

  private static final String THIS_BUNDLE = "Use values tuned on this bundle";

  private static boolean isBias(Object value) {
    return value instanceof Double && LabelBias.isBias((Double) value);
  }

  /**
   * What is tuned, in the order of a task's {@code labels}; throws BadInput, naming {@code where}, if it is of others.
   */
  public Tuned tuned(List<String> labels, Object where) throws BadInput {
    double[] bias = new double[labels.size()];
    if (labels.isEmpty() || labelBias.isEmpty()) {
      return new Tuned(values, bias, null);
    }
    List<String> held = new ArrayList<>(labelBias.keySet());
    if (!new HashSet<>(held).equals(new HashSet<>(labels))) {
      throw BadInput.of(
          where,
          "was tuned for the labels " + String.join(", ", held) + ", and the task has " + String.join(", ", labels),
          "Use the task that it was tuned with");
    }
    float[][] head = new float[labels.size()][];
    for (int i = 0; i < bias.length; i++) {
      bias[i] = labelBias.get(labels.get(i));
      head[i] = labelHead == null ? null : labelHead.weights()[held.indexOf(labels.get(i))];
    }
    return new Tuned(values, bias, labelHead == null ? null : new LabelHead(head));
  }

  /** Writes what was tuned, bound to the bundle of that hash; throws DiskFull or BadInput if it cannot be written. */
  public static void write(Path path, Tuned tuned, String bundle, int step, List<String> labels) throws BadInput {
    Map<String, Object> owner = new LinkedHashMap<>();
    owner.put("bundle", bundle);
    owner.put("step", (long) step);
    if (!labels.isEmpty()) {
      Map<String, Object> bias = new LinkedHashMap<>();
      for (int i = 0; i < labels.size(); i++) {
        bias.put(labels.get(i), tuned.labelBias()[i]);
      }
      owner.put("label_bias", bias);
    }
    SafetensorsWriter file = new SafetensorsWriter();
    file.metadata(METADATA, Json.writeSpaced(owner)).tensor("values", tuned.values(), tuned.values().length);
    if (tuned.labelHead() != null) {
      float[][] head = tuned.labelHead().weights();
      file.tensor("label_head", flat(head), head.length, head[0].length);
    }
    file.write(path);
  }

  private static float[] flat(float[][] rows) {
    float[] flat = new float[rows.length * rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, flat, i * rows[0].length, rows[0].length);
    }
    return flat;
  }

  /** Reads a values file of K = {@code count}; throws BadInput if damaged, of another size, or not all finite. */
  public static ValuesFile read(Path path, long count) throws BadInput {
    if (java.nio.file.Files.exists(path) && !java.nio.file.Files.isRegularFile(path)) {
      throw BadInput.of(path, "is not a values file but something else than a file", "Check the path");
    }
    if (!java.nio.file.Files.exists(path)) {
      throw BadInput.of(path, "there is no such values file", "Check the path");
    }
    try {
      Safetensors file = Safetensors.open(path);
      Owner owner = Owner.of(file.metadata().get(METADATA));
      checkShapes(path, file, count, owner.bias.size());
      float[] values = file.floats("values");
      float[] head = file.tensors().containsKey("label_head") ? file.floats("label_head") : new float[0];
      checkFinite(path, values);
      checkFinite(path, head);
      LabelHead labelHead = head.length == 0 ? null : new LabelHead(rows(head, owner.bias.size()));
      return new ValuesFile(values, owner.bundle, owner.step, owner.bias, labelHead);
    } catch (IOException | Safetensors.Malformed e) {
      throw new BadInput(
          path + ": is not a readable safetensors file (" + e.getMessage()
              + "). Use a values file that `pocketzo tune` wrote", e);
    }
  }

  private static float[][] rows(float[] flat, int count) {
    int width = flat.length / count;
    float[][] rows = new float[count][];
    for (int i = 0; i < count; i++) {
      rows[i] = Arrays.copyOfRange(flat, i * width, (i + 1) * width);
    }
    return rows;
  }

  private static void checkShapes(Path path, Safetensors file, long count, int labels) throws BadInput {
    Safetensors.Tensor values = file.tensors().get("values");
    if (values == null || !values.type().equals("F32") || !values.shape().equals(Collections.singletonList(count))) {
      String found = values == null ? "none" : values.toString();
      throw BadInput.of(path, "expected `values` as float32 [" + count + "], found " + found, THIS_BUNDLE);
    }
    Safetensors.Tensor head = file.tensors().get("label_head");
    if (head != null && (!head.type().equals("F32") || head.shape().size() != 2 || head.shape().get(0) != labels
        || head.shape().get(0) * head.shape().get(1) == 0)) {
      throw BadInput.of(path, "`label_head` is " + head, THIS_BUNDLE);
    }
  }

  private static void checkFinite(Path path, float[] values) throws BadInput {
    for (float value : values) {
      if (Float.isNaN(value) || Float.isInfinite(value)) {
        throw BadInput.of(
            path, "holds NaN or infinite values", "Use an earlier values file, such as best.safetensors");
      }
    }
  }

  /** What the metadata says of the run. */
  private static final class Owner {
    private String bundle;
    private Long step;
    private final Map<String, Double> bias = new LinkedHashMap<>();

    static Owner of(String metadata) throws Safetensors.Malformed {
      Owner owner = new Owner();
      Object content = null;
      try {
        content = metadata == null ? null : Json.parse(metadata);
      } catch (Json.Malformed e) {
        // Another program's: it names no bundle, which is refused where one is needed.
      }
      if (!(content instanceof Map)) {
        return owner;
      }
      Map<?, ?> members = (Map<?, ?>) content;
      owner.bundle = members.get("bundle") instanceof String ? (String) members.get("bundle") : null;
      owner.step = members.get("step") instanceof Long ? (Long) members.get("step") : null;
      if (members.containsKey("label_bias")) {
        owner.readBias(members.get("label_bias"));
      }
      return owner;
    }

    private void readBias(Object content) throws Safetensors.Malformed {
      if (!(content instanceof Map)) {
        throw new Safetensors.Malformed("its label bias is not a number for each label");
      }
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) content).entrySet()) {
        if (!isBias(entry.getValue())) {
          throw new Safetensors.Malformed("its label bias is not a number for each label");
        }
        bias.put((String) entry.getKey(), (Double) entry.getValue());
      }
    }
  }
}
