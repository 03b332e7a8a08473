package org.pocketzo.runtime.trajectory;

import java.util.LinkedHashMap;
import java.util.Map;

/** Mean loss (nats an example), share of right answers (null where a task has none), and examples. */
public record Evaluation(double loss, Double accuracy, int examples) {
  /** Higher accuracy, then lower loss. */
  public boolean betterThan(Evaluation other) {
    double here = accuracy == null ? 0 : accuracy;
    double there = other.accuracy == null ? 0 : other.accuracy;
    return here > there || (here == there && loss < other.loss);
  }

  /** As files have it. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("loss", loss);
    members.put("accuracy", accuracy);
    members.put("examples", (long) examples);
    return members;
  }
}
