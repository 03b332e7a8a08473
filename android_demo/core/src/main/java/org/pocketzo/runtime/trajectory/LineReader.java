package org.pocketzo.runtime.trajectory;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pocketzo.runtime.LabelBias;
import org.pocketzo.runtime.LabelHead;

/** What a parsed line of a trajectory says, in a run of that header. */
final class LineReader {
  private final int labels;
  private final int directions;
  private final int hiddenSize;

  LineReader(Header header, int directions) {
    this.labels = header.labels().size();
    this.directions = directions;
    this.hiddenSize = (int) Math.min(header.hiddenSize(), Reader.LINE_LIMIT);
  }

  /** The line, or null if it is no step, evaluation or label head. */
  Line line(Map<?, ?> content) {
    Set<Object> names = new HashSet<>(content.keySet());
    Object step = content.get("step");
    if (!names.remove("step") || !(step instanceof Long) || (Long) step != ((Long) step).intValue()) {
      return null;
    }
    int number = ((Long) step).intValue();
    if (isOnly(names, "evaluation")) {
      Evaluation evaluation = evaluation(content.get("evaluation"));
      return evaluation == null ? null : Line.of(number, evaluation);
    }
    if (isOnly(names, "label_head")) {
      LabelHead head = head(content.get("label_head"));
      return head == null ? null : Line.of(number, head);
    }
    double[] bias = names.remove("label_bias") ? finite(content.get("label_bias"), labels) : Line.NO_BIAS;
    double[] g = finite(content.get("g"), directions);
    Object loss = content.get("loss");
    boolean good = names.size() == 2 && names.contains("g") && names.contains("loss");
    return good && g != null && isFinite(loss) && isBias(bias)
        ? Line.ofStep(number, g, (Double) loss, bias)
        : null;
  }

  private static boolean isOnly(Set<Object> names, String name) {
    return names.size() == 1 && names.contains(name);
  }

  private LabelHead head(Object content) {
    return content instanceof String && labels > 0 ? LabelHead.decode((String) content, labels, hiddenSize) : null;
  }

  private boolean isBias(double[] bias) {
    if (bias == null || bias.length != labels) {
      return false;
    }
    for (double x : bias) {
      if (!LabelBias.isBias(x)) {
        return false;
      }
    }
    return true;
  }

  private static double[] finite(Object content, int count) {
    if (!(content instanceof List) || ((List<?>) content).size() != count) {
      return null;
    }
    double[] numbers = new double[count];
    for (int i = 0; i < count; i++) {
      Object number = ((List<?>) content).get(i);
      if (!isFinite(number)) {
        return null;
      }
      numbers[i] = (Double) number;
    }
    return numbers;
  }

  private static boolean isFinite(Object value) {
    return value instanceof Double && !Double.isNaN((Double) value) && !Double.isInfinite((Double) value);
  }

  private static Evaluation evaluation(Object content) {
    if (!(content instanceof Map) || ((Map<?, ?>) content).size() != 3) {
      return null;
    }
    Map<?, ?> members = (Map<?, ?>) content;
    Object accuracy = members.get("accuracy");
    Object examples = members.get("examples");
    boolean good =
        isFinite(members.get("loss"))
            && members.containsKey("accuracy")
            && (accuracy == null || isFinite(accuracy))
            && examples instanceof Long
            && (Long) examples == ((Long) examples).intValue();
    return good
        ? new Evaluation((Double) members.get("loss"), (Double) accuracy, ((Long) examples).intValue())
        : null;
  }
}
