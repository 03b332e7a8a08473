package org.pocketzo.runtime.errors;

/** The user stopped the work; the state was saved where the message says. */
public final class Interrupted extends PocketzoException {
  private static final long serialVersionUID = 1L;

  public Interrupted(String message) {
    super(130, message, null);
  }
}
