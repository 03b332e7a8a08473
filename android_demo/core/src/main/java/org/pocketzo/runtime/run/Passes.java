package org.pocketzo.runtime.run;

import java.util.List;
import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Batches;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Examples;
import org.pocketzo.runtime.Forward;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tasks.Task;

/** Passes over many examples under one set of values, for evaluation and for the label head. */
public final class Passes {
  /** Told the examples and tokens of each batch when it is done; may throw Interrupted to stop. */
  public interface Progress {
    void passed(int examples, long tokens) throws PocketzoException;
  }

  /** Takes the indices of a batch and what the engine gives for it (P = 1). */
  interface Visitor {
    void visit(int[] indices, Forward forward) throws PocketzoException;
  }

  private Passes() {}

  /** Passes each example once under {@code values} [K]. */
  static void each(
      Engine engine, Task task, List<Example> examples, float[] values, Progress progress, Visitor visitor)
      throws PocketzoException {
    for (int[] indices : Batches.evaluationBatches(examples)) {
      Batch batch = Examples.collate(Batches.chosen(examples, indices), task.words());
      visitor.visit(indices, engine.forward(batch, new float[][] {values}));
      progress.passed(indices.length, batch.tokens());
    }
  }
}
