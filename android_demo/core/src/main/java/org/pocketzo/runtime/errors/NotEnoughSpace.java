package org.pocketzo.runtime.errors;

/** Memory or disk that will not suffice, found before the work starts. */
public final class NotEnoughSpace extends PocketzoException {
  private static final long serialVersionUID = 1L;

  public NotEnoughSpace(String message) {
    super(4, message, null);
  }
}
