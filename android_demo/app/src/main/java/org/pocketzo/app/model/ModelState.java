package org.pocketzo.app.model;

import org.pocketzo.runtime.bundle.Manifest;

/**
 * What the app knows of the model that it came with.
 *
 * @param done share of the phase that is done, 0 to 1
 * @param manifest null until it is read
 * @param bytes size of the bundle
 * @param difference largest difference (nats) that the self-test found; NaN before it was run
 * @param tolerance the difference that is allowed
 * @param trouble null unless the phase is FAILED
 */
public record ModelState(
    Phase phase, double done, Manifest manifest, long bytes, double difference, double tolerance, Trouble trouble) {
  /** How far the model is on its way to be used. */
  public enum Phase {
    /** Nobody asked yet. */
    UNKNOWN,
    /** The app was built without a model. */
    ABSENT,
    COPYING,
    CHECKING,
    TESTING,
    READY,
    FAILED
  }

  static final ModelState UNKNOWN = new ModelState(Phase.UNKNOWN, 0, null, 0, Double.NaN, 0, null);

  /** Whether the model can be tuned and asked. */
  public boolean ready() {
    return phase == Phase.READY;
  }

  ModelState at(Phase next, double share) {
    return new ModelState(next, share, manifest, bytes, difference, tolerance, null);
  }

  ModelState failed(Trouble why) {
    return new ModelState(Phase.FAILED, 0, manifest, bytes, difference, tolerance, why);
  }
}
