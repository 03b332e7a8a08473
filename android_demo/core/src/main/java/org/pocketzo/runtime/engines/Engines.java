package org.pocketzo.runtime.engines;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.errors.UsageError;

/** The engines that this build knows. */
public final class Engines {
  private interface Opener {
    Engine open(Bundle bundle, int threads) throws PocketzoException;
  }

  private static final Map<String, Opener> OPENERS = new LinkedHashMap<>();

  static {
    OPENERS.put(OnnxEngine.NAME, (bundle, threads) -> new OnnxEngine(bundle, threads, true));
  }

  public static final List<String> NAMES = Collections.unmodifiableList(new ArrayList<>(OPENERS.keySet()));

  /** The one that is taken where none is named. */
  public static final String DEFAULT = OnnxEngine.NAME;

  private Engines() {}

  /**
   * Loads the bundle's graph into engine {@code name}; {@code threads} 0 leaves the choice to the engine.
   *
   * @throws UsageError if the engine is not known
   * @throws org.pocketzo.runtime.errors.BadInput if it cannot run this graph
   * @throws org.pocketzo.runtime.errors.NotEnoughSpace if memory does not suffice for the weights
   */
  public static Engine open(String name, Bundle bundle, int threads) throws PocketzoException {
    Opener opener = OPENERS.get(name);
    if (opener == null) {
      throw new UsageError("--engine " + name + ": not known. Use one of: " + String.join(", ", NAMES) + ".");
    }
    return opener.open(bundle, threads);
  }
}
