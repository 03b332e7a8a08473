package org.pocketzo.runtime.errors;

/** An option's value, or a combination of options, that cannot work. */
public final class UsageError extends PocketzoException {
  private static final long serialVersionUID = 1L;

  public UsageError(String message) {
    super(2, message, null);
  }
}
