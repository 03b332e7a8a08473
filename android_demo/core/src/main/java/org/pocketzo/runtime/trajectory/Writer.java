package org.pocketzo.runtime.trajectory;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.runtime.LabelHead;
import org.pocketzo.runtime.Step;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;

/** Appends lines; a line is with the operating system before {@link #step} returns. */
public final class Writer {
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
    content.put("evaluation", evaluation.members());
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
    String link = Chain.link(chain, body);
    try {
      out.write(Chain.sealed(body, link));
    } catch (IOException e) {
      throw Files.diskError(path, e);
    }
    chain = link;
  }
}
