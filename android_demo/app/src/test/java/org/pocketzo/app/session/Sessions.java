package org.pocketzo.app.session;

/** What tests do to a process. */
public final class Sessions {
  private Sessions() {}

  /** Ends the process, as far as the app can tell. */
  public static void forget() {
    Session.forget();
  }
}
