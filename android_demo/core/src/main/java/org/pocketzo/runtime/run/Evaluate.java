package org.pocketzo.runtime.run;

import java.util.List;
import org.pocketzo.runtime.Batches;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Finite;
import org.pocketzo.runtime.tasks.Task;
import org.pocketzo.runtime.trajectory.Evaluation;

/** Loss and accuracy of the artifact itself, on examples that it was not tuned on. */
public final class Evaluate {
  private Evaluate() {}

  /**
   * Scores {@code examples} under what was tuned.
   *
   * @throws BadInput if a loss is not finite
   */
  public static Evaluation evaluate(
      Engine engine, Task task, List<Example> examples, Tuned tuned, Passes.Progress progress)
      throws PocketzoException {
    double[] losses = new double[examples.size()];
    boolean[] right = new boolean[examples.size()];
    boolean[] judged = {true};
    Passes.each(engine, task, examples, tuned.values(), progress, (indices, forward) -> {
      double[][] nll = tuned.scored(forward)[0];
      for (double[] row : nll) {
        if (!Finite.all(row)) {
          throw new BadInput("evaluation: the loss is not a finite number. Use values of an earlier step.");
        }
      }
      Task.Judgement judgement = task.judge(nll, Batches.chosen(examples, indices));
      judged[0] = judgement.right() != null;
      for (int i = 0; i < indices.length; i++) {
        losses[indices[i]] = judgement.losses()[i];
        right[indices[i]] = judged[0] && judgement.right()[i];
      }
    });
    return new Evaluation(mean(losses), judged[0] ? share(right) : null, losses.length);
  }

  private static double mean(double[] losses) {
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum / losses.length;
  }

  private static double share(boolean[] right) {
    int count = 0;
    for (boolean r : right) {
      count += r ? 1 : 0;
    }
    return (double) count / right.length;
  }
}
