package org.pocketzo.runtime.tasks;

import java.util.List;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.errors.PocketzoException;

/** What the loop and the evaluation need of a task: how a record becomes a sequence to score, and what scores mean. */
public interface Task {
  /** The loss of each example [B], and whether each is right ([B], or null where nothing is right or wrong). */
  record Judgement(double[] losses, boolean[] right) {}

  String kind();

  /** The labels of a classification in the order of their words; none for other kinds. */
  List<String> labels();

  /** The tokens that compete for a label [W]; never written to. */
  long[] words();

  /**
   * The sequence with everything that loss and {@link #judge} need scored.
   *
   * @throws org.pocketzo.runtime.errors.BadInput naming file and line of a record that does not fit
   */
  Example example(DataRecord record) throws PocketzoException;

  /** What nll [B][L] of these examples says. */
  Judgement judge(double[][] nll, List<Example> examples);
}
