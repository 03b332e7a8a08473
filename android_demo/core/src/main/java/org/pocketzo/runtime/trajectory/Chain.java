package org.pocketzo.runtime.trajectory;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import org.pocketzo.runtime.system.Files;

/**
 * The trajectory: a run as a chain of lines, from which the values can be computed again without the model.
 *
 * <p>trajectory.jsonl is JSON Lines: a header that binds bundle, data, task and settings, then a line for each step,
 * evaluation and label head. Each line ends with a member "chain": the first 32 hexadecimal digits of the SHA-256 of
 * the chain before it (none for the header) followed by the line's bytes without that member. docs/randomness.md states
 * it in full.
 */
final class Chain {
  /** What stands between a line's other members and its link. */
  static final byte[] BEGIN = ",\"chain\":\"".getBytes(StandardCharsets.US_ASCII);

  /** Of a link, hexadecimal. */
  static final int DIGITS = 32;

  private Chain() {}

  /** The chain after a line whose other members are {@code body}. */
  static String link(String chain, byte[] body) {
    MessageDigest digest = Files.newSha256();
    digest.update(chain.getBytes(StandardCharsets.US_ASCII));
    return Files.hexadecimal(digest.digest(body)).substring(0, DIGITS);
  }

  /** The bytes of the line whose other members are {@code body}. */
  static byte[] sealed(byte[] body, String link) {
    byte[] end = (link + "\"}\n").getBytes(StandardCharsets.US_ASCII);
    ByteArrayOutputStream line = new ByteArrayOutputStream(body.length + 64);
    line.write(body, 0, body.length - 1);
    line.write(BEGIN, 0, BEGIN.length);
    line.write(end, 0, end.length);
    return line.toByteArray();
  }
}
