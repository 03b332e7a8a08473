package org.pocketzo.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Philox;

/** What is random, and what changes the values, is what docs/randomness.md says, by the vectors that Python wrote. */
class RandomnessTest {
  @Test
  void words() throws BadInput {
    for (Map<String, Object> of : Vectors.cases("philox")) {
      List<?> expected = (List<?>) of.get("words");
      long[] words =
          Philox.words(
              (Long) of.get("seed"), (Long) of.get("stream"), (Long) of.get("step"), (Long) of.get("row"),
              expected.size());
      for (int i = 0; i < words.length; i++) {
        assertEquals(expected.get(i), String.format("%016x", words[i]));
      }
    }
  }

  @Test
  void signs() throws BadInput {
    for (Map<String, Object> of : Vectors.cases("directions")) {
      float[][] z = Directions.directions(
          (Long) of.get("seed"), Vectors.whole(of, "step"), Vectors.whole(of, "rows"), Vectors.whole(of, "count"));
      for (int q = 0; q < z.length; q++) {
        StringBuilder text = new StringBuilder();
        for (float sign : z[q]) {
          text.append(sign == 1 ? '+' : sign == -1 ? '-' : '?');
        }
        assertEquals(((List<?>) of.get("directions")).get(q), text.toString());
      }
    }
  }

  @Test
  void orders() throws BadInput {
    for (Map<String, Object> of : Vectors.cases("order")) {
      int[][] batches =
          Batches.epochBatches(
              Vectors.ints(of.get("lengths")), Vectors.whole(of, "batch"), (Long) of.get("seed"),
              Vectors.whole(of, "epoch"));
      List<?> expected = (List<?>) of.get("batches");
      assertEquals(expected.size(), batches.length);
      for (int i = 0; i < batches.length; i++) {
        assertArrayEquals(Vectors.ints(expected.get(i)), batches[i]);
      }
    }
  }

  @Test
  void losses() throws BadInput {
    for (Map<String, Object> of : Vectors.cases("loss")) {
      double[] losses = Loop.meanLoss(Vectors.nll(of), Vectors.longs(of.get("label_ids")));
      assertArrayEquals(Vectors.doubles(of.get("losses")), losses);
    }
  }

  @Test
  void labelBiases() throws BadInput {
    for (Map<String, Object> of : Vectors.cases("label_bias")) {
      float[][][] nll = Vectors.nll(of);
      int[] answers = Vectors.ints(of.get("answers"));
      double[] bias = Vectors.doubles(of.get("bias"));
      double[] fitted = LabelBias.fit(LabelBias.mean(nll), answers, bias);
      assertArrayEquals(Vectors.doubles(of.get("fitted")), fitted, 1e-12);
      assertArrayEquals(Vectors.doubles(of.get("losses")), LabelBias.losses(nll, answers, fitted), 1e-12);
      double[] followed = LabelBias.followed(bias, fitted, Vectors.whole(of, "step"));
      assertArrayEquals(Vectors.doubles(of.get("result")), followed, 1e-12);
    }
  }

  @Test
  @SuppressWarnings("unchecked")
  void updates() throws PocketzoException {
    for (Map<String, Object> of : Vectors.cases("update")) {
      TuneConfig config = TuneConfig.defaults();
      for (Map.Entry<String, Object> setting : ((Map<String, Object>) of.get("config")).entrySet()) {
        config = config.with(setting.getKey(), (Number) setting.getValue());
      }
      float[] values = Vectors.floats(of.get("values"));
      State state = State.initial(new Tuned(values, new double[0], null));
      for (Object g : (List<?>) of.get("g")) {
        float[][] z = Directions.directions(config.seed(), state.step(), config.directions(), values.length);
        state = Loop.updated(state, Vectors.doubles(g), z, config, new double[0]);
      }
      assertArrayEquals(Vectors.floats(of.get("result")), state.tuned().values());
    }
  }

  @Test
  void labelHeads() throws PocketzoException {
    for (Map<String, Object> of : Vectors.cases("label_head")) {
      int[] answers = Vectors.ints(of.get("answers"));
      float[][] hidden = Vectors.rows(Vectors.floats(of.get("hidden")), answers.length);
      float[][] nll = Vectors.rows(Vectors.floats(of.get("nll")), answers.length);
      LabelHead head = HeadFit.fit(hidden, nll, answers, (done, all) -> {});
      float[][] expected = Vectors.rows(Vectors.floats(of.get("weights")), head.weights().length);
      for (int w = 0; w < expected.length; w++) {
        assertArrayEquals(expected[w], head.weights()[w], 1e-6f);
      }
      LabelHead decoded = LabelHead.decode((String) of.get("encoded"), expected.length, expected[0].length - 1);
      assertArrayEquals(expected, decoded.weights());
      assertEquals(of.get("encoded"), decoded.encode());
      Forward forward =
          new Forward(
              new float[][][] {{nll[0], nll[1]}}, new float[][][][] {{{hidden[0]}, {hidden[1]}}});
      double[][] scored = new Tuned(new float[0], new double[3], decoded).scored(forward)[0];
      List<?> wanted = (List<?>) of.get("scored");
      for (int b = 0; b < 2; b++) {
        assertArrayEquals(Vectors.doubles(wanted.get(b)), scored[b], 1e-12);
      }
    }
  }
}
