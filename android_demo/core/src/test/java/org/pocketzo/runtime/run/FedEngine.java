package org.pocketzo.runtime.run;

import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Forward;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Philox;

/** What tests/android/fed.py has as an engine: drawn numbers, which depend on how many passes there were. */
public final class FedEngine implements Engine {
  private static final long SEED = 5;
  private static final long STREAM = 7;

  private int passes;

  @Override
  public String name() {
    return "onnx";
  }

  @Override
  public String version() {
    return "1.29.0";
  }

  @Override
  public Forward forward(Batch batch, float[][] values) throws PocketzoException {
    int examples = batch.labelIds().length;
    int labels = batch.labelIds()[0].length;
    float[][][] nll = new float[values.length][examples][labels];
    for (int p = 0; p < values.length; p++) {
      long[] words = Philox.words(SEED, STREAM, passes, p, examples * labels);
      for (int i = 0; i < words.length; i++) {
        boolean padding = batch.labelIds()[i / labels][i % labels] < 0;
        nll[p][i / labels][i % labels] = padding ? 0 : (words[i] >>> 48) / 4096f;
      }
    }
    passes++;
    return new Forward(nll, new float[values.length][examples][batch.labelPositions()[0].length][1]);
  }

  @Override
  public void close() {}
}
