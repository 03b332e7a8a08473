package org.pocketzo.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.DiskFull;

/** Steps on a function whose derivative is known, and the order of batches. */
class LoopTest {
  private static final TuneConfig CONFIG = new TuneConfig(1, 2, 0.01, 1e-3, 2, 0.99, 0, 3, 100);

  /** nll of every label is the sum of the values times their number, plus {@code added}. */
  private record Linear(float added) implements Engine {
    @Override
    public String name() {
      return "linear";
    }

    @Override
    public String version() {
      return "1";
    }

    @Override
    public Forward forward(Batch batch, float[][] values) {
      float[][][] nll = new float[values.length][batch.labelIds().length][batch.labelIds()[0].length];
      for (int p = 0; p < values.length; p++) {
        float sum = added;
        for (int i = 0; i < values[p].length; i++) {
          sum += (i + 1) * values[p][i];
        }
        for (float[] example : nll[p]) {
          Arrays.fill(example, sum);
        }
      }
      return new Forward(nll, null);
    }

    @Override
    public void close() {}
  }

  private static Batch batch() {
    Example example = new Example(new int[] {1, 2, 3}, new int[] {1, 2}, new int[] {2, 3}, "line 1", -1);
    return Examples.collate(Arrays.asList(example, example), new long[] {0, 1, 2, 3});
  }

  private static State state() {
    return State.initial(new Tuned(new float[] {1, 2, 3, 4}, new double[0], null));
  }

  @Test
  void projectedGradientsAreDirectionalDerivatives() throws Exception {
    State before = state();
    Loop.Stepped done = Loop.zoStep(new Linear(0), batch(), before, CONFIG, step -> {});
    float[][] z = Directions.directions(3, 0, 2, 4);
    for (int q = 0; q < 2; q++) {
      double derivative = 0;
      for (int i = 0; i < 4; i++) {
        derivative += (i + 1) * z[q][i];
      }
      assertEquals(derivative, done.step().projectedGradients()[q], 0.02);
    }
    assertEquals(1, done.state().step());
    assertEquals(0, before.step());
    assertArrayEquals(new float[] {1, 2, 3, 4}, before.tuned().values());
    assertEquals(4 * 6, done.step().tokens());
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aLossThatIsNoNumberIsNotRecorded(float bad) {
    List<Step> recorded = new ArrayList<>();
    State state = state();
    String said =
        assertThrows(
                BadInput.class, () -> Loop.zoStep(new Linear(bad), batch(), state, CONFIG, recorded::add))
            .getMessage();
    assertTrue(said.contains("step 1: the loss or a value is not a finite number") && said.contains("0.001"), said);
    assertTrue(recorded.isEmpty());
    assertArrayEquals(new float[] {1, 2, 3, 4}, state.tuned().values());
  }

  @Test
  void aStepThatCannotBeRecordedDoesNotCount() {
    State state = state();
    assertThrows(
        DiskFull.class,
        () -> Loop.zoStep(new Linear(0), batch(), state, CONFIG, step -> {
          throw new DiskFull("full", null);
        }));
    assertArrayEquals(new float[] {1, 2, 3, 4}, state.tuned().values());
    assertEquals(0, state.step());
  }

  @Test
  void everyExampleIsSeenOnceAnEpochAndAnyStepCanBeTheFirst() {
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < 23; i++) {
      examples.add(new Example(new int[1 + i % 7], new int[] {0}, new int[] {i}, "line " + i, -1));
    }
    Iterator<List<Example>> all = Batches.trainingBatches(examples, 4, 9, 0);
    List<List<Example>> batches = new ArrayList<>();
    for (int i = 0; i < 15; i++) {
      batches.add(all.next());
    }
    for (int epoch = 0; epoch < 3; epoch++) {
      Set<Example> seen = new HashSet<>();
      batches.subList(5 * epoch, 5 * epoch + 5).forEach(seen::addAll);
      assertEquals(20, seen.size());
    }
    for (int step = 0; step < 15; step++) {
      assertEquals(batches.get(step), Batches.trainingBatches(examples, 4, 9, step).next());
    }
  }

  @Test
  void evaluationBatchesHoldEveryIndexOnceAndAtMostTheirTokens() {
    List<Example> examples = new ArrayList<>();
    for (int length : new int[] {3, 2000, 500, 40, 500, 1, 600}) {
      examples.add(new Example(new int[length], new int[] {0}, new int[] {0}, "", -1));
    }
    StringBuilder text = new StringBuilder();
    for (int[] indices : Batches.evaluationBatches(examples)) {
      text.append(Arrays.toString(indices));
    }
    assertEquals("[1][6][2, 4][3, 0, 5]", text.toString());
  }

  @Test
  void whatPointsBeyondATableIsRefused() throws Exception {
    Examples.checkRange(batch(), 4);
    String said = assertThrows(BadInput.class, () -> Examples.checkRange(batch(), 3)).getMessage();
    assertEquals("input_ids: 1 to 3, and the limits are 0 and 2.", said);
    Batch good = batch();
    long[][] far = {{3, 0}, {0, 0}};
    Batch bad = new Batch(good.inputIds(), far, good.labelIds(), good.words(), null);
    said = assertThrows(BadInput.class, () -> Examples.checkRange(bad, 4)).getMessage();
    assertTrue(said.contains("label_positions"), said);
  }
}
