package org.pocketzo.runtime;

import org.pocketzo.runtime.errors.PocketzoException;

/** A stock inference engine holding the step graph of a bundle. */
public interface Engine extends AutoCloseable {
  String name();

  String version();

  /** Passes {@code batch} through the graph under each row of {@code values} [P][K]. */
  Forward forward(Batch batch, float[][] values) throws PocketzoException;

  @Override
  void close();
}
