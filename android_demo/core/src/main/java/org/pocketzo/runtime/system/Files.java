package org.pocketzo.runtime.system;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.function.LongConsumer;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.DiskFull;

/** Writing that never leaves half a file under its final name, and reading that names what is wrong. */
public final class Files {
  /** Bytes that are read at once. */
  public static final int CHUNK = 1 << 22;

  /** Bytes of the largest text or JSON file that is read into memory at once. */
  public static final int MEMORY_LIMIT = 1 << 30;

  private static final String[] FULL = {"no space left", "enospc", "quota exceeded", "edquot", "too large", "efbig"};
  private static final long NOTHING_LEFT = 1 << 16;

  /** Fills a file's stream. */
  public interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  private Files() {}

  /**
   * The error to throw when the operating system refused to write at {@code path}.
   *
   * @return DiskFull when the disk or quota is full, else BadInput: the place cannot be written to
   */
  public static BadInput diskError(Path path, IOException e) {
    if (isDiskFull(path, e)) {
      return new DiskFull(
          path + ": the disk is full. Free some space or choose another disk; nothing was left behind there.", e);
    }
    return new BadInput(path + ": cannot be written (" + reason(e) + "). Choose a folder that you may write to", e);
  }

  private static boolean isDiskFull(Path path, IOException e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      String text = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
      for (String sign : FULL) {
        if (text.contains(sign)) {
          return true;
        }
      }
    }
    // The system's words are in the user's language, so the disk is asked too.
    Path folder = path.toAbsolutePath().getParent();
    return folder != null && folder.toFile().isDirectory() && folder.toFile().getUsableSpace() < NOTHING_LEFT
        && java.nio.file.Files.isWritable(folder);
  }

  private static String reason(IOException e) {
    if (e instanceof FileSystemException && ((FileSystemException) e).getReason() != null) {
      return ((FileSystemException) e).getReason();
    }
    return e instanceof FileSystemException ? e.getClass().getSimpleName() : String.valueOf(e.getMessage());
  }

  /**
   * Lets {@code content} fill a temporary neighbour of {@code path}, flushes it to disk, then renames it into place.
   *
   * @throws BadInput as {@link #diskError} has it; {@code path} then still holds what it held before
   */
  public static void writeAtomically(Path path, Content content) throws BadInput {
    Path temporary = path.resolveSibling(path.getFileName() + ".part");
    boolean done = false;
    try {
      Path folder = path.toAbsolutePath().getParent();
      if (!java.nio.file.Files.isDirectory(folder)) {
        java.nio.file.Files.createDirectories(folder);
      }
      try (FileOutputStream file = new FileOutputStream(temporary.toFile())) {
        OutputStream out = new BufferedOutputStream(file, 1 << 16);
        content.writeTo(out);
        out.flush();
        file.getFD().sync();
      }
      java.nio.file.Files.move(
          temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      done = true;
    } catch (IOException e) {
      throw diskError(path, e);
    } finally {
      if (!done) {
        remove(temporary);
      }
    }
  }

  private static void remove(Path path) {
    try {
      java.nio.file.Files.deleteIfExists(path);
    } catch (IOException e) {
      // The error that led here says more.
    }
  }

  /** SHA-256 of bytes, in hexadecimal. */
  public static String sha256(byte[] content) {
    return hexadecimal(newSha256().digest(content));
  }

  /**
   * SHA-256 of a file's bytes, in hexadecimal, read in chunks so that size does not matter.
   *
   * @param progress is told the bytes read so far
   */
  public static String sha256(Path path, LongConsumer progress) throws BadInput {
    MessageDigest digest = newSha256();
    long done = 0;
    try (InputStream in = java.nio.file.Files.newInputStream(path)) {
      byte[] chunk = new byte[CHUNK];
      for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
        digest.update(chunk, 0, n);
        done += n;
        progress.accept(done);
      }
    } catch (IOException e) {
      throw new BadInput(path + ": cannot be read (" + reason(e) + "). Check the path", e);
    }
    return hexadecimal(digest.digest());
  }

  /** A fresh SHA-256, which every platform has. */
  public static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Bytes as lower-case hexadecimal digits. */
  public static String hexadecimal(byte[] bytes) {
    StringBuilder text = new StringBuilder(2 * bytes.length);
    for (byte b : bytes) {
      text.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
    }
    return text.toString();
  }

  /** The bytes of {@code path}; throws BadInput (naming {@code what}) if it cannot be read or is over MEMORY_LIMIT. */
  public static byte[] readFile(Path path, String what) throws BadInput {
    return readFile(path, what, MEMORY_LIMIT);
  }

  /** The bytes of {@code path}; throws BadInput (naming {@code what}) if it cannot be read or is over {@code limit}. */
  public static byte[] readFile(Path path, String what, int limit) throws BadInput {
    if (java.nio.file.Files.isDirectory(path)) {
      throw BadInput.of(path, "is a directory, not a " + what, "Name the file itself");
    }
    try (InputStream in = java.nio.file.Files.newInputStream(path)) {
      return bytes(in, path, what, limit);
    } catch (NoSuchFileException e) {
      throw new BadInput(path + ": there is no such " + what + ". Check the path", e);
    } catch (IOException e) {
      throw new BadInput(path + ": the " + what + " cannot be read (" + reason(e) + "). Check the path", e);
    }
  }

  /** All that {@code in} has; throws BadInput (naming {@code what}) if over {@code limit} bytes or all memory. */
  public static byte[] bytes(InputStream in, Path path, String what, int limit) throws IOException, BadInput {
    try {
      return limited(in, path, what, limit);
    } catch (OutOfMemoryError e) {
      throw new BadInput(
          path + ": the " + what + " needs more memory than this device gives. Use a smaller one", e);
    }
  }

  private static byte[] limited(InputStream in, Path path, String what, int limit) throws IOException, BadInput {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    byte[] chunk = new byte[1 << 16];
    for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
      if (content.size() + (long) n > limit) {
        throw BadInput.of(
            path, "the " + what + " has more than " + grouped(limit) + " bytes, the limit", "Use a smaller one");
      }
      content.write(chunk, 0, n);
    }
    return content.toByteArray();
  }

  /** A number with commas between thousands. */
  public static String grouped(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** Throws BadInput (naming {@code what}) unless {@code path} is a file, and none of a pipe, device or directory. */
  public static void checkRegular(Path path, String what) throws BadInput {
    if (java.nio.file.Files.exists(path) && !java.nio.file.Files.isRegularFile(path)) {
      throw BadInput.of(path, "is not a " + what + " but something else than a file", "Check the path");
    }
    if (!java.nio.file.Files.exists(path)) {
      throw BadInput.of(path, "the " + what + " cannot be read (there is no such file)", "Check the path");
    }
  }

  /** Whether {@code path} is a file itself, and no link to one. */
  public static boolean isRegularNoLink(Path path) {
    return java.nio.file.Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS);
  }

  /** UTF-8 text, with or without a byte-order mark; throws BadInput (naming {@code what}) for other bytes. */
  public static String decodeText(byte[] content, Path path, String what) throws BadInput {
    ByteBuffer bytes = ByteBuffer.wrap(content);
    try {
      String text = decode(bytes);
      return text.startsWith("\uFEFF") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new BadInput(
          path + ": the " + what + " is not UTF-8 (byte " + bytes.position() + "). Save it as UTF-8", e);
    }
  }

  /** Strict UTF-8, a byte-order mark kept. */
  public static String decode(ByteBuffer bytes) throws CharacterCodingException {
    return StandardCharsets.UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT)
        .decode(bytes)
        .toString();
  }
}
