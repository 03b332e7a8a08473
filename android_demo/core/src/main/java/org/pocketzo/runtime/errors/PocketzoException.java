package org.pocketzo.runtime.errors;

/** Base of every error that is a user's to mend; the message is complete without a stack trace. */
public class PocketzoException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int exitCode;

  protected PocketzoException(int exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** The process's exit code, as the command line has it. */
  public int exitCode() {
    return exitCode;
  }
}
