package org.pocketzo.runtime.tasks;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.system.Files;

/** Data files that are compressed: by gzip they are read, by others they are named. What a file is, its bytes say. */
public final class Compressed {
  private static final String GZIP = "\u001F\u008B";
  private static final String[][] OTHERS = {
    {"PK\u0003\u0004", "zip"},
    {"BZh", "bzip2"},
    {"\u00FD7zXZ\u0000", "xz"},
    {"\u0028\u00B5\u002F\u00FD", "zstd"},
    {"7z\u00BC\u00AF\u0027\u001C", "7-Zip"}
  };

  private Compressed() {}

  /** As {@link #unpacked(byte[], Path, String, int)}, within MEMORY_LIMIT. */
  public static byte[] unpacked(byte[] content, Path path, String what) throws BadInput {
    return unpacked(content, path, what, Files.MEMORY_LIMIT);
  }

  /**
   * The bytes that {@code content}, the file {@code path}, holds: unpacked if they are gzip, themselves if nothing
   * compressed them. Throws BadInput (naming {@code what}) for another kind, for damage, and if there are more than
   * {@code limit}.
   */
  public static byte[] unpacked(byte[] content, Path path, String what, int limit) throws BadInput {
    for (String[] other : OTHERS) {
      if (startsWith(content, other[0])) {
        throw BadInput.of(
            path, "the " + what + " is compressed by " + other[1] + ", which is not read",
            "Unpack it, or compress it by gzip");
      }
    }
    if (!startsWith(content, GZIP)) {
      return content;
    }
    try {
      // Counted before they are kept, so that a few bytes that unpack to very many fill no memory.
      if (isLonger(content, limit)) {
        throw BadInput.of(
            path, "the " + what + " unpacks to more than " + Files.grouped(limit) + " bytes, the limit",
            "Use a smaller one");
      }
      return Files.bytes(stream(content), path, what, limit);
    } catch (IOException e) {
      throw new BadInput(path + ": the " + what + " is gzip that is truncated or damaged. Copy it again", e);
    }
  }

  private static InputStream stream(byte[] content) throws IOException {
    return new GZIPInputStream(new ByteArrayInputStream(content));
  }

  private static boolean isLonger(byte[] content, int limit) throws IOException {
    try (InputStream in = stream(content)) {
      byte[] chunk = new byte[1 << 16];
      long count = 0;
      for (int n = in.read(chunk); n >= 0 && count <= limit; n = in.read(chunk)) {
        count += n;
      }
      return count > limit;
    }
  }

  private static boolean startsWith(byte[] content, String magic) {
    byte[] wanted = magic.getBytes(StandardCharsets.ISO_8859_1);
    boolean same = content.length >= wanted.length;
    for (int i = 0; same && i < wanted.length; i++) {
      same = content[i] == wanted[i];
    }
    return same;
  }
}
