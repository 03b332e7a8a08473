package org.pocketzo.runtime.system;

/** The version of pocketzo, the same in Python and here. */
public final class Version {
  public static final String POCKETZO = "0.1.0";

  private Version() {}
}
