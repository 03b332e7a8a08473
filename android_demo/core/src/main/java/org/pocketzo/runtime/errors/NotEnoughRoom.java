package org.pocketzo.runtime.errors;

/** Memory or disk that will not suffice, found before the work starts. */
public final class NotEnoughRoom extends PocketzoException {
  private static final long serialVersionUID = 1L;

  public NotEnoughRoom(String message) {
    super(4, message, null);
  }
}
