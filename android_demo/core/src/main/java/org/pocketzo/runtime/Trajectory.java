package org.pocketzo.runtime;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The trajectory: a run as a chain of lines, from which the values can be computed again without the model.
 *
 * <p>trajectory.jsonl is JSON Lines: a header that binds bundle, data, task and settings, then a line for each step,
 * evaluation and label head. Each line ends with a member "chain": the first 32 hexadecimal digits of the SHA-256 of
 * the chain before it (none for the header) followed by the line's bytes without that member. docs/randomness.md states
 * it in full.
 */
public final class Trajectory {
  /** Bytes of the longest line that is read. */
  public static final int LINE_LIMIT = 1 << 24;

  private static final byte[] CHAIN_BEGIN = ",\"chain\":\"".getBytes(StandardCharsets.US_ASCII);
  private static final int DIGITS = 32;

  private Trajectory() {}

  private static String link(String chain, byte[] body) {
    MessageDigest digest = Files.newSha256();
    digest.update(chain.getBytes(StandardCharsets.US_ASCII));
    return Files.hexadecimal(digest.digest(body)).substring(0, DIGITS);
  }

  /** Appends lines; a line is with the operating system before {@link #step} returns. */
  public static final class Writer {
    private final OutputStream out;
    private final Path path;
    private String chain;

    /** {@code out} is unbuffered and stands at the file's end; {@code chain} is that of its last line, "" without. */
    public Writer(OutputStream out, Path path, String chain) {
      this.out = out;
      this.path = path;
      this.chain = chain;
    }

    /** Writes the first line; throws DiskFull or BadInput, as all do, if it cannot be written. */
    public void header(Header header) throws BadInput {
      append(header.members());
    }

    /** Writes a step's line. */
    public void step(Step step) throws BadInput {
      Map<String, Object> content = new LinkedHashMap<>();
      content.put("step", (long) step.step());
      content.put("g", step.projectedGradients());
      content.put("loss", step.loss());
      if (step.labelBias().length > 0) {
        content.put("label_bias", step.labelBias());
      }
      append(content);
    }

    /** Writes an evaluation's line. */
    public void evaluation(int step, Evaluation evaluation) throws BadInput {
      Map<String, Object> content = new LinkedHashMap<>();
      content.put("step", (long) step);
      content.put("evaluation", RunFolder.members(evaluation));
      append(content);
    }

    /** Writes the line of a label head, fitted after {@code step}. */
    public void labelHead(int step, LabelHead head) throws BadInput {
      Map<String, Object> content = new LinkedHashMap<>();
      content.put("step", (long) step);
      content.put("label_head", head.encode());
      append(content);
    }

    /** Writes any line, chained to those before. */
    void append(Map<String, Object> content) throws BadInput {
      byte[] body = Json.write(content).getBytes(StandardCharsets.UTF_8);
      String link = link(chain, body);
      byte[] end = (link + "\"}\n").getBytes(StandardCharsets.US_ASCII);
      ByteArrayOutputStream line = new ByteArrayOutputStream(body.length + 64);
      line.write(body, 0, body.length - 1);
      line.write(CHAIN_BEGIN, 0, CHAIN_BEGIN.length);
      line.write(end, 0, end.length);
      try {
        out.write(line.toByteArray());
      } catch (IOException e) {
        throw Files.diskError(path, e);
      }
      chain = link;
    }
  }

  /** Reads a trajectory line by line, checking the chain; memory does not grow with its length. */
  public static final class Reader {
    private final InputStream in;
    private final Path path;
    private final Header header;
    private final LineReader lines;
    private String chain = "";
    private int number;
    private long wholeBytes;
    private int done;

    /** Reads the header; throws BadInput if it is missing, altered or of another version. */
    public Reader(InputStream in, Path path) throws BadInput {
      this.in = new BufferedInputStream(in, 1 << 16);
      this.path = path;
      Map<?, ?> content = nextObject();
      if (content == null) {
        throw BadInput.of(path, "holds no whole line", "Start the run over with --force");
      }
      try {
        header = Header.read(content);
        lines = new LineReader(header, header.settings().directions());
      } catch (Fields.Wrong | PocketzoException e) {
        throw new BadInput(
            path + ": line 1 is no header that this pocketzo reads (" + e.getMessage() + "). Start the run over", e);
      }
    }

    public Header header() {
      return header;
    }

    /** The chain of the last line read. */
    public String chain() {
      return chain;
    }

    /** Bytes up to the last whole line read; what follows is a torn line. */
    public long wholeBytes() {
      return wholeBytes;
    }

    /**
     * The next whole line after the header, or null at the end; a torn last line is passed over.
     *
     * @throws BadInput naming the first line that is altered or out of order
     */
    public Line next() throws BadInput {
      Map<?, ?> content = nextObject();
      if (content == null) {
        return null;
      }
      Line line = lines.line(content);
      if (line == null || line.step() != done + (line.isStep() ? 1 : 0)) {
        throw refused("is not the step, evaluation or label head that belongs there");
      }
      done = line.step();
      return line;
    }

    private Map<?, ?> nextObject() throws BadInput {
      byte[] line = nextLine();
      if (line == null) {
        return null;
      }
      int digits = line.length - 2 - DIGITS;
      byte[] body = unchained(line, digits - CHAIN_BEGIN.length);
      String link = link(chain, body);
      if (!link.equals(new String(line, digits, DIGITS, StandardCharsets.US_ASCII))) {
        throw refused("was changed, or a line before it was (the chain is broken)");
      }
      Object content = parsed(body);
      if (!(content instanceof Map)) {
        throw refused("is not an object");
      }
      chain = link;
      wholeBytes += line.length + 1;
      return (Map<?, ?>) content;
    }

    /** The line's bytes without the member "chain", which begins at {@code bodyEnd}. */
    private byte[] unchained(byte[] line, int bodyEnd) throws BadInput {
      int digits = bodyEnd + CHAIN_BEGIN.length;
      if (bodyEnd < 0
          || !Arrays.equals(Arrays.copyOfRange(line, bodyEnd, digits), CHAIN_BEGIN)
          || line[line.length - 2] != '"'
          || line[line.length - 1] != '}') {
        throw refused("has no chain");
      }
      byte[] body = Arrays.copyOf(line, bodyEnd + 1);
      body[bodyEnd] = '}';
      return body;
    }

    private Object parsed(byte[] body) throws BadInput {
      try {
        return Json.parse(Files.decode(ByteBuffer.wrap(body)));
      } catch (CharacterCodingException e) {
        throw refused("is not JSON (it is not UTF-8)");
      } catch (Json.Malformed e) {
        throw refused("is not JSON (" + e.getMessage() + ")");
      }
    }

    /** The bytes up to the next line feed, or null if none comes. */
    private byte[] nextLine() throws BadInput {
      ByteArrayOutputStream line = new ByteArrayOutputStream(256);
      try {
        for (int b = in.read(); b >= 0; b = in.read()) {
          if (b == '\n') {
            number++;
            return line.toByteArray();
          }
          if (line.size() == LINE_LIMIT - 1) {
            number++;
            throw refused("is longer than any line can be");
          }
          line.write(b);
        }
        return null;
      } catch (IOException e) {
        throw new BadInput(path + ": the trajectory cannot be read (" + e.getMessage() + "). Check the path", e);
      }
    }

    private BadInput refused(String why) {
      return new BadInput(
          path + ", line " + number + ": " + why + ". Use a copy that is whole, or start the run over.");
    }
  }
}
