package org.pocketzo.runtime.errors;

/** The disk filled up while something was written; nothing half-written is left. */
public final class DiskFull extends BadInput {
  private static final long serialVersionUID = 1L;

  public DiskFull(String message, Throwable cause) {
    super(message, cause);
  }
}
