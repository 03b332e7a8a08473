package org.pocketzo.app.model;

import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Forward;
import org.pocketzo.runtime.errors.PocketzoException;

/** One engine for tuning and trying out, which take turns: the weights are in memory once. */
final class SharedEngine implements Engine {
  private final Engine engine;

  SharedEngine(Engine engine) {
    this.engine = engine;
  }

  @Override
  public String name() {
    return engine.name();
  }

  @Override
  public String version() {
    return engine.version();
  }

  @Override
  public synchronized Forward forward(Batch batch, float[][] values) throws PocketzoException {
    return engine.forward(batch, values);
  }

  @Override
  public synchronized void close() {
    engine.close();
  }
}
