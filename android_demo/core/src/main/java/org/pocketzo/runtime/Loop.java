package org.pocketzo.runtime;

import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.numbers.Finite;
import org.pocketzo.runtime.numbers.Floats;

/**
 * The zeroth-order loop: two forward passes a direction, no gradient, one scalar of optimizer state.
 *
 * <p>{@link #zoStep} is the algorithm. Its parts are numbered as in docs/randomness.md, "One step", and in Python: 1
 * {@code perturbed}, 2 {@code batchLosses}, 3 {@code projectedGradients}, 4 and 5 {@code updated}. 1 to 3 are SPSA
 * (Spall 1992) as MeZO uses it (arXiv 2305.17333, Algorithm 1) on the K sensitive values of arXiv 2406.02913; 4 and 5
 * divide by the rms of the projected gradients, so that lr is the change of a value per step.
 */
public final class Loop {
  /** Told of a step when it is measured and before it counts. */
  public interface Recorder {
    void record(Step step) throws PocketzoException;
  }

  /** The loss of each perturbation [P], and the label bias after the step ([W]). */
  public record Losses(double[] losses, double[] labelBias) {}

  /** The state after a step, and what the step measured. */
  public record Stepped(State state, Step step) {}

  private Loop() {}

  /**
   * One step: perturb, measure, record, update. The state that it is given stays as it is, whatever happens.
   *
   * @throws BadInput if a loss or a value would not be a finite number; then nothing was recorded
   */
  public static Stepped zoStep(Engine engine, Batch batch, State state, TuneConfig config, Recorder recorder)
      throws PocketzoException {
    float[] values = state.tuned().values();
    float[][] z = Directions.directions(config.seed(), state.step(), config.directions(), values.length);
    float[][][] nll = engine.forward(batch, perturbed(values, (float) config.eps(), z)).nll();
    Losses measured = batchLosses(nll, batch, state);
    double[] g = projectedGradients(measured.losses(), config.eps());
    long tokens = nll.length * batch.tokens();
    Step step = new Step(state.step() + 1, g, mean(measured.losses()), tokens, measured.labelBias());
    State moved = updated(state, g, z, config, measured.labelBias());
    if (!Finite.all(g) || !Finite.all(moved.tuned().values())) {
      throw new BadInput(
          "step " + step.step() + ": the loss or a value is not a finite number. The values before this step are kept;"
              + " try a smaller --lr than " + Floats.general(config.lr()) + " or a smaller --eps than "
              + Floats.general(config.eps()) + ".");
    }
    recorder.record(step);
    return new Stepped(moved, step);
  }

  /** Part 1: v + eps z for each direction, then v - eps z for each, [2Q][K]. */
  static float[][] perturbed(float[] values, float eps, float[][] z) {
    float[][] perturbed = new float[2 * z.length][values.length];
    for (int q = 0; q < z.length; q++) {
      for (int i = 0; i < values.length; i++) {
        float change = eps * z[q][i];
        perturbed[q][i] = values[i] + change;
        perturbed[z.length + q][i] = values[i] - change;
      }
    }
    return perturbed;
  }

  /** Part 3: g = (L(v + eps z) - L(v - eps z)) / (2 eps) for each direction, [Q], from the losses [2Q]. */
  private static double[] projectedGradients(double[] losses, double eps) {
    double[] g = new double[losses.length / 2];
    for (int q = 0; q < g.length; q++) {
      g[q] = (losses[q] - losses[g.length + q]) / (2 * eps);
    }
    return g;
  }

  private static double mean(double[] losses) {
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum / losses.length;
  }

  /** Part 2: the loss of each perturbation [P] from nll [P][B][L], and the label bias after the step ([W]). */
  public static Losses batchLosses(float[][][] nll, Batch batch, State state) {
    double[] bias = state.tuned().labelBias();
    if (batch.answers() == null) {
      return new Losses(meanLoss(nll, batch.labelIds()), bias);
    }
    double[] fitted = LabelBias.fit(LabelBias.mean(nll), batch.answers(), bias);
    double[] followed = LabelBias.followed(bias, fitted, state.step());
    return new Losses(LabelBias.losses(nll, batch.answers(), fitted), followed);
  }

  /**
   * Parts 4 and 5: the state after v <- v - lr * g / rms(g) * z, averaged over the directions (g [Q], z [Q][K]) in
   * their order, and with the label {@code bias} [W]. rms comes from an EMA of the squared projected gradients with
   * bias correction.
   *
   * <p>The factor of each direction is computed in 64 bits and rounded once to 32; a product with +1 or -1 is exact, so
   * fused and separate multiply-add give the same bits. Replaying a trajectory needs this alone.
   */
  public static State updated(State state, double[] g, float[][] z, TuneConfig config, double[] bias) {
    double d = config.rmsDecay();
    double sum = 0;
    for (double x : g) {
      sum += x * x;
    }
    double meanSquare = d * state.meanSquare() + (1 - d) * (sum / g.length);
    double startWeight = d * state.startWeight();
    double rms = Math.sqrt(meanSquare / (1 - startWeight));
    float[] values = state.tuned().values().clone();
    if (rms > 0) {
      for (int q = 0; q < g.length; q++) {
        float factor = (float) (config.lr() * g[q] / rms / g.length);
        for (int i = 0; i < values.length; i++) {
          values[i] -= factor * z[q][i];
        }
      }
    }
    Tuned tuned = new Tuned(values, bias, state.tuned().labelHead());
    return new State(tuned, meanSquare, startWeight, state.step() + 1);
  }

  /**
   * The loss of each perturbation [P]: over examples, the mean of each one's mean over its labels.
   *
   * <p>Sums run in index order in 64 bits, so that another language gets the same bits from the same nll [P][B][L].
   */
  public static double[] meanLoss(float[][][] nll, long[][] labelIds) {
    double[] losses = new double[nll.length];
    for (int p = 0; p < losses.length; p++) {
      double sum = 0;
      for (int b = 0; b < labelIds.length; b++) {
        double example = 0;
        int labels = 0;
        for (int l = 0; l < labelIds[b].length; l++) {
          example += nll[p][b][l];
          labels += labelIds[b][l] >= 0 ? 1 : 0;
        }
        sum += example / labels;
      }
      losses[p] = sum / labelIds.length;
    }
    return losses;
  }
}
