package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Fields;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;

/** Reads manifest.json: its seal, its schema, and the layout of the values. */
public final class ManifestReader {
  /** Bytes; a manifest takes about 250 a layer. */
  public static final int MANIFEST_LIMIT = 1 << 26;

  private static final byte[] SEAL_BEGIN = ",\n  \"seal\": \"".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] SEAL_END = "\"\n}\n".getBytes(StandardCharsets.US_ASCII);
  private static final String COPY = "Copy the bundle again or export it again";
  private static final String EXPORT = "Export the bundle again";

  private ManifestReader() {}

  /**
   * Reads and checks {@code directory}/manifest.json.
   *
   * @throws BadInput if it is missing, not JSON, of another schema, altered, or if a field is absent, unknown or out of
   *     range
   */
  public static Manifest read(Path directory) throws BadInput {
    Path path = directory.resolve(Manifest.NAME);
    Object content = unsealed(path);
    if (!isBundle(content)) {
      throw BadInput.of(
          path, "this is not a pocketzo bundle", "Make one with `pocketzo export CHECKPOINT --out BUNDLE`");
    }
    Map<?, ?> members = (Map<?, ?>) content;
    Object version = members.get("schema_version");
    if (!Long.valueOf(Manifest.SCHEMA).equals(version)) {
      throw BadInput.of(
          path,
          "schema " + version + ", and this pocketzo reads " + Manifest.SCHEMA,
          "Upgrade pocketzo or export the bundle again");
    }
    try {
      Manifest manifest = ManifestFields.manifest(members);
      checkLayout(path, manifest.values());
      checkEps(path, manifest);
      return manifest;
    } catch (Fields.Wrong e) {
      throw new BadInput(path + ": " + e.getMessage() + ". " + EXPORT, e);
    }
  }

  private static boolean isBundle(Object content) {
    return content instanceof Map && "pocketzo-bundle".equals(((Map<?, ?>) content).get("format"));
  }

  /** The content of the manifest without its seal, which is checked. */
  private static Object unsealed(Path path) throws BadInput {
    byte[] text = bytes(path);
    Object content;
    try {
      content = Json.parse(Files.decode(ByteBuffer.wrap(text)));
    } catch (CharacterCodingException e) {
      throw new BadInput(path + ": the bundle manifest is not JSON (it is not UTF-8). " + COPY, e);
    } catch (Json.Malformed e) {
      throw new BadInput(path + ": the bundle manifest is not JSON (" + e.getMessage() + "). " + COPY, e);
    }
    if (isBundle(content) && !sealFits(text)) {
      throw BadInput.of(path, "was altered or damaged (its seal does not fit)", COPY);
    }
    if (content instanceof Map) {
      ((Map<?, ?>) content).remove("seal");
    }
    return content;
  }

  private static byte[] bytes(Path path) throws BadInput {
    if (java.nio.file.Files.isSymbolicLink(path)) {
      throw BadInput.of(path, "is a link, not a regular file", COPY);
    }
    Files.checkRegular(path, "bundle manifest");
    try (InputStream in = java.nio.file.Files.newInputStream(path)) {
      if (java.nio.file.Files.size(path) > MANIFEST_LIMIT) {
        throw BadInput.of(
            path,
            "has more than " + Files.grouped(MANIFEST_LIMIT) + " bytes, the limit",
            "This is no bundle: do not use it");
      }
      return Files.bytes(in, path, "bundle manifest", MANIFEST_LIMIT);
    } catch (IOException e) {
      throw new BadInput(path + ": the bundle manifest cannot be read (" + e.getMessage() + "). Check the path", e);
    }
  }

  /** Whether the text ends in the SHA-256 of what precedes it, in the one form that a seal has. */
  private static boolean sealFits(byte[] text) {
    int end = text.length - SEAL_END.length;
    int digits = end - 64;
    int body = digits - SEAL_BEGIN.length;
    if (body < 0
        || !Arrays.equals(Arrays.copyOfRange(text, body, digits), SEAL_BEGIN)
        || !Arrays.equals(Arrays.copyOfRange(text, end, text.length), SEAL_END)) {
      return false;
    }
    String held = new String(text, digits, 64, StandardCharsets.US_ASCII);
    return held.equals(Files.sha256(Arrays.copyOf(text, body)));
  }

  private static void checkLayout(Path path, Manifest.Values values) throws BadInput {
    long offset = 0;
    long entriesOffset = 0;
    for (Manifest.Block block : values.blocks()) {
      long width = values.ofChannels() ? block.rows() : 1;
      boolean fits = block.entries() <= Fields.COUNT_END / width && block.count() == block.entries() * width;
      if (block.offset() != offset || block.entriesOffset() != entriesOffset || !fits) {
        throw BadInput.of(
            path,
            "the values of " + block.layer() + " are at " + block.offset() + " (" + block.count()
                + " of them), expected at " + offset + " (" + block.entries() + " x " + width + ")",
            EXPORT);
      }
      offset += block.count();
      entriesOffset += block.entries();
    }
    if (offset != values.count()) {
      throw BadInput.of(
          path, "values.count is " + values.count() + " but the blocks hold " + offset, EXPORT);
    }
  }

  /** Every curve ascends, and a graph has a curve if it has an eps of its own. */
  private static void checkEps(Path path, Manifest manifest) throws BadInput {
    for (int i = 0; i < manifest.graphs().size(); i++) {
      Manifest.Graph graph = manifest.graphs().get(i);
      if ((graph.eps() == null) != graph.epsCurve().isEmpty()) {
        throw BadInput.of(path, "field graphs." + i + ".eps: goes with eps_curve, both or neither", EXPORT);
      }
      checkCurve(path, "graphs." + i, graph.epsCurve());
    }
    checkCurve(path, "estimator", manifest.estimator().epsCurve());
  }

  private static void checkCurve(Path path, String where, List<Manifest.EpsPoint> curve) throws BadInput {
    for (int i = 1; i < curve.size(); i++) {
      if (!(curve.get(i).eps() > curve.get(i - 1).eps())) {
        throw BadInput.of(path, "field " + where + ".eps_curve: eps does not ascend", EXPORT);
      }
    }
  }
}
