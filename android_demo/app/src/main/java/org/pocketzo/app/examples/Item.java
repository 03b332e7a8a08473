package org.pocketzo.app.examples;

/** One example of the person's: a text and its label or, where texts are continued, a beginning and what follows. */
public record Item(String text, String answer) {
  /** Whether a part is empty, so that nothing could be learnt from it. */
  public boolean incomplete() {
    return text.trim().isEmpty() || answer.trim().isEmpty();
  }
}
