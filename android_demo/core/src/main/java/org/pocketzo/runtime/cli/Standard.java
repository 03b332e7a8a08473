package org.pocketzo.runtime.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.pocketzo.runtime.errors.BadInput;

/** Standard output, which remembers why it took no more: the streams that print keep that to themselves. */
final class Standard extends FilterOutputStream {
  private IOException why;

  Standard(OutputStream out) {
    super(out);
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int count) throws IOException {
    try {
      out.write(bytes, from, count);
    } catch (IOException e) {
      why = e;
      throw e;
    }
  }

  /** Whether something was not written, other than because nobody reads it any more: who stops has seen enough. */
  boolean failed() {
    return why != null && !String.valueOf(why.getMessage()).contains("Broken pipe");
  }

  /** What to tell a user of it. */
  BadInput error() {
    return BadInput.of(
        "standard output", "cannot be written (" + why.getMessage() + ")",
        "Send it elsewhere; files that the command wrote are whole.");
  }
}
