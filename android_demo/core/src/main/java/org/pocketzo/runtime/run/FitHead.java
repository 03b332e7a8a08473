package org.pocketzo.runtime.run;

import java.util.Arrays;
import java.util.List;
import org.pocketzo.runtime.Directions;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.HeadFit;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Finite;
import org.pocketzo.runtime.system.Files;
import org.pocketzo.runtime.tasks.Task;

/** The label head of a set of examples: one pass each, and the fit. */
public final class FitHead {
  /** Weights of a head at most, so that it fits into a line of the trajectory. */
  public static final int LIMIT = 1 << 21;

  private FitHead() {}

  /**
   * Refuses a head that is too large.
   *
   * @throws BadInput if the head of {@code task} on hidden states of that size would have more than LIMIT weights
   */
  public static void checkHead(Task task, long hiddenSize) throws BadInput {
    if (task.labels().size() * (hiddenSize + 1) > LIMIT) {
      throw new BadInput(
          task.labels().size() + " labels of " + hiddenSize + " weights each are too many for a label head of at most "
              + Files.grouped(LIMIT) + ". Use --head-examples 0.");
    }
  }

  /** Which of so many training examples the head is fitted to: the first in the order of the first epoch. */
  public static int[] headIndices(TuneConfig config, int examples) {
    int[] order = Directions.permutation(config.seed(), 0, 0, examples);
    return Arrays.copyOf(order, Math.min(config.headExamples(), examples));
  }

  /**
   * The head for {@code examples}, by one pass each under {@code values} [K].
   *
   * @throws BadInput if a score is not finite
   */
  public static LabelHead fittedHead(
      Engine engine,
      Task task,
      List<Example> examples,
      float[] values,
      Passes.Progress progress,
      HeadFit.Progress fitting)
      throws PocketzoException {
    float[][] hidden = new float[examples.size()][];
    float[][] nll = new float[examples.size()][];
    int[] answers = new int[examples.size()];
    Passes.each(engine, task, examples, values, progress, (indices, forward) -> {
      for (int i = 0; i < indices.length; i++) {
        hidden[indices[i]] = forward.hidden()[0][i][0];
        nll[indices[i]] = forward.nll()[0][i];
        answers[indices[i]] = examples.get(indices[i]).answer();
        if (!Finite.all(hidden[indices[i]]) || !Finite.all(nll[indices[i]])) {
          throw new BadInput("the label head: a score is not a finite number. Use values of an earlier step.");
        }
      }
    });
    return HeadFit.fit(hidden, nll, answers, fitting);
  }
}
