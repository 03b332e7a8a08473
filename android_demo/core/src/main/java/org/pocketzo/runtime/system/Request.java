package org.pocketzo.runtime.system;

import org.pocketzo.runtime.errors.Interrupted;

/**
 * How someone stops or holds a run: asked between steps and between the batches of a pass, so that what is recorded and
 * what is computed never disagree.
 *
 * <p>An implementation may wait inside {@link #check} as long as a pause lasts: nothing is lost if the process dies
 * meanwhile.
 */
public interface Request {
  /**
   * Returns when the run may go on.
   *
   * @throws Interrupted if it is to stop; the run then saves everything
   */
  void check() throws Interrupted;

  /** A request that is made once, from any thread. */
  final class Stop implements Request {
    private volatile boolean made;

    /** Asks the run to stop after what it is computing. */
    public void make() {
      made = true;
    }

    @Override
    public void check() throws Interrupted {
      if (made) {
        throw new Interrupted("stopped on request.");
      }
    }
  }
}
