package org.pocketzo.runtime.trajectory;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Fields;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;

/** Reads a trajectory line by line, checking the chain; memory does not grow with its length. */
public final class Reader {
  /** Bytes of the longest line that is read. */
  public static final int LINE_LIMIT = 1 << 24;

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
    int digits = line.length - 2 - Chain.DIGITS;
    byte[] body = unchained(line, digits - Chain.BEGIN.length);
    String link = Chain.link(chain, body);
    if (!link.equals(new String(line, digits, Chain.DIGITS, StandardCharsets.US_ASCII))) {
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
    int digits = bodyEnd + Chain.BEGIN.length;
    if (bodyEnd < 0
        || !Arrays.equals(Arrays.copyOfRange(line, bodyEnd, digits), Chain.BEGIN)
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
