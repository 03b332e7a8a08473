package org.pocketzo.runtime.engines;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;

/** The engines that this build knows. */
public final class Engines {
  public static final List<String> NAMES = Collections.unmodifiableList(Arrays.asList(OnnxEngine.NAME));

  private Engines() {}

  /**
   * Loads the bundle's graph into engine {@code name}; {@code threads} 0 leaves the choice to the engine.
   *
   * @throws UsageError if the engine is not known
   * @throws org.pocketzo.runtime.errors.BadInput if it cannot run this graph
   * @throws org.pocketzo.runtime.errors.NotEnoughRoom if memory does not suffice for the weights
   */
  public static Engine open(String name, Bundle bundle, int threads) throws PocketzoException {
    if (!NAMES.contains(name)) {
      throw new UsageError("--engine " + name + ": not known. Use one of: " + String.join(", ", NAMES) + ".");
    }
    return new OnnxEngine(bundle, threads, true);
  }
}
