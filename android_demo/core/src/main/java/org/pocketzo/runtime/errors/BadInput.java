package org.pocketzo.runtime.errors;

/** A bundle, data file, task, checkpoint or values file that cannot be used as it is. */
public class BadInput extends PocketzoException {
  private static final long serialVersionUID = 1L;

  public BadInput(String message) {
    this(message, null);
  }

  public BadInput(String message, Throwable cause) {
    super(3, message, cause);
  }

  /** The one form that all messages share: what: why. fix */
  public static BadInput of(Object what, String why, String fix) {
    return new BadInput(what + ": " + why + ". " + fix);
  }
}
