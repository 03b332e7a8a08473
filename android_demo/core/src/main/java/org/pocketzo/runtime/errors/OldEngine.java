package org.pocketzo.runtime.errors;

/** The engine here is older than the bundle needs. */
public final class OldEngine extends BadInput {
  private static final long serialVersionUID = 1L;

  public OldEngine(String message) {
    super(message);
  }
}
