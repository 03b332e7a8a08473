package org.pocketzo.runtime.bundle;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.system.Files;

/**
 * What an ONNX file refers to, read without an ONNX library: external data files, operator domains, functions.
 *
 * <p>An engine follows these references when it opens the file, so they are checked before any engine sees it. Only the
 * wire format of protocol buffers is needed: a message is a list of fields, and the few that hold references are
 * walked.
 */
public final class OnnxReferences {
  /** The engine that opens such files, as manifests name it. */
  public static final String ENGINE = "onnx";

  private static final String SUFFIX = "." + ENGINE;

  /** Messages within messages that are followed; a step graph needs 5. */
  public static final int DEPTH = 16;

  // Names and numbers of onnx.proto.
  private enum Kind {
    MODEL, GRAPH, NODE, ATTRIBUTE, SPARSE_TENSOR, TENSOR, OPSET, DOMAIN, EXTERNAL_DATA, TRAINING, FUNCTION
  }

  private static final Map<Kind, Map<Integer, Kind>> FIELDS = new HashMap<>();

  static {
    leads(Kind.MODEL, 7, Kind.GRAPH, 8, Kind.OPSET, 20, Kind.TRAINING, 25, Kind.FUNCTION);
    leads(Kind.GRAPH, 1, Kind.NODE, 5, Kind.TENSOR, 15, Kind.SPARSE_TENSOR);
    leads(Kind.NODE, 5, Kind.ATTRIBUTE, 7, Kind.DOMAIN);
    leads(Kind.ATTRIBUTE, 5, Kind.TENSOR, 6, Kind.GRAPH, 10, Kind.TENSOR, 11, Kind.GRAPH);
    leads(Kind.ATTRIBUTE, 22, Kind.SPARSE_TENSOR, 23, Kind.SPARSE_TENSOR);
    leads(Kind.SPARSE_TENSOR, 1, Kind.TENSOR, 2, Kind.TENSOR);
    leads(Kind.TENSOR, 13, Kind.EXTERNAL_DATA);
    leads(Kind.OPSET, 1, Kind.DOMAIN);
  }

  private static void leads(Kind from, Object... numbersAndKinds) {
    Map<Integer, Kind> fields = FIELDS.computeIfAbsent(from, kind -> new HashMap<>());
    for (int i = 0; i < numbersAndKinds.length; i += 2) {
      fields.put((Integer) numbersAndKinds[i], (Kind) numbersAndKinds[i + 1]);
    }
  }

  /** A file that is none. */
  private static final class Unreadable extends Exception {
    private static final long serialVersionUID = 1L;

    Unreadable(String message) {
      super(message);
    }
  }

  private final SortedSet<String> files = new TreeSet<>();
  private final SortedSet<String> domains = new TreeSet<>();
  private final SortedSet<String> other = new TreeSet<>();

  private OnnxReferences() {}

  /** Files that tensors are read from. */
  public SortedSet<String> files() {
    return files;
  }

  /** Operator domains in use. */
  public SortedSet<String> domains() {
    return domains;
  }

  /** "function" and "training", where the file defines such. */
  public SortedSet<String> other() {
    return other;
  }

  /** Whether the file of {@code graph} is one, by the engine that it is for or by its own name. */
  static boolean areIn(Manifest.Graph graph) {
    return graph.engine().equals(ENGINE) || graph.file().endsWith(SUFFIX);
  }

  /** Walks the ONNX file {@code path}; throws BadInput if it is not one. */
  public static OnnxReferences read(Path path) throws BadInput {
    return read(Files.readFile(path, "ONNX file"), path);
  }

  /** Walks the content of an ONNX file; throws BadInput, naming {@code path}, if it is not one. */
  static OnnxReferences read(byte[] content, Path path) throws BadInput {
    OnnxReferences found = new OnnxReferences();
    try {
      found.walk(new Message(content, 0, content.length), Kind.MODEL, 0);
    } catch (Unreadable | CharacterCodingException e) {
      String why = e instanceof Unreadable ? e.getMessage() : "a text in it is not UTF-8";
      throw new BadInput(path + ": is not a readable ONNX file (" + why + "). Export the bundle again", e);
    }
    return found;
  }

  private void walk(Message message, Kind kind, int depth) throws Unreadable, CharacterCodingException {
    if (depth > DEPTH) {
      throw new Unreadable("messages are nested more than " + DEPTH + " deep");
    }
    while (message.next()) {
      Kind inner = FIELDS.get(kind).get(message.number);
      if (inner == null) {
        continue;
      }
      if (message.content == null) {
        throw new Unreadable("field " + message.number + " of a " + kind + " is not a message");
      }
      switch (inner) {
        case DOMAIN -> domains.add(message.content.text());
        case EXTERNAL_DATA -> externalData(message.content);
        case TRAINING -> other.add("training");
        case FUNCTION -> other.add("function");
        default -> walk(message.content, inner, depth + 1);
      }
    }
  }

  private void externalData(Message entry) throws Unreadable, CharacterCodingException {
    Map<Integer, String> texts = new HashMap<>();
    while (entry.next()) {
      if (entry.content != null) {
        texts.put(entry.number, entry.content.text());
      }
    }
    if ("location".equals(texts.get(1))) {
      files.add(texts.getOrDefault(2, ""));
    }
  }

  /** A cursor over the fields of a message: number and content, which is null for plain numbers. */
  private static final class Message {
    private static final long LARGEST_NUMBER = (1 << 29) - 1;

    private final byte[] bytes;
    private final int end;
    private int at;
    private int number;
    private Message content;

    Message(byte[] bytes, int begin, int end) {
      this.bytes = bytes;
      this.at = begin;
      this.end = end;
    }

    String text() throws CharacterCodingException {
      return Files.decode(ByteBuffer.wrap(bytes, at, end - at));
    }

    boolean next() throws Unreadable {
      if (at >= end) {
        return false;
      }
      long tag = varint();
      // Readers cut a longer tag to 32 bits, and would see another field than was checked here.
      if (tag >>> 3 < 1 || tag >>> 3 > LARGEST_NUMBER) {
        throw new Unreadable("no field has the number " + (tag >>> 3));
      }
      number = (int) (tag >>> 3);
      content = null;
      switch ((int) (tag & 7)) {
        case 0 -> varint();
        case 1 -> skip(8);
        case 5 -> skip(4);
        case 2 -> {
          long size = varint();
          if (size < 0 || size > end - at) {
            throw new Unreadable("a field is longer than the message that holds it");
          }
          content = new Message(bytes, at, at + (int) size);
          at += (int) size;
        }
        default -> throw new Unreadable("wire type " + (tag & 7) + " does not exist");
      }
      return true;
    }

    private void skip(int count) throws Unreadable {
      if (count > end - at) {
        throw new Unreadable("the file ends within a number");
      }
      at += count;
    }

    private long varint() throws Unreadable {
      long value = 0;
      for (int shift = 0; shift < 70; shift += 7) {
        if (at >= end) {
          throw new Unreadable("the file ends within a number");
        }
        byte b = bytes[at++];
        if (shift == 63 && (b & 126) != 0) {
          throw new Unreadable("a number is longer than 64 bits");
        }
        value |= (b & 127L) << shift;
        if (b >= 0) {
          return value;
        }
      }
      throw new Unreadable("a number is longer than 10 bytes");
    }
  }
}
