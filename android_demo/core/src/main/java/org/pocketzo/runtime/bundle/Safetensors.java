package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;

/**
 * A safetensors file: an 8-byte length, a JSON header of that many bytes, then the tensors end to end.
 *
 * <p>Nothing is allocated from a size that the file's own does not back. {@link SafetensorsWriter} writes them.
 */
public final class Safetensors {
  private static final int HEADER_LIMIT = 1 << 24;
  private static final String METADATA = "__metadata__";
  private static final Map<String, Integer> BYTES = new LinkedHashMap<>();

  static {
    for (String type : new String[] {"BOOL", "U8", "I8"}) {
      BYTES.put(type, 1);
    }
    for (String type : new String[] {"I16", "U16", "F16", "BF16"}) {
      BYTES.put(type, 2);
    }
    for (String type : new String[] {"I32", "U32", "F32"}) {
      BYTES.put(type, 4);
    }
    for (String type : new String[] {"I64", "U64", "F64"}) {
      BYTES.put(type, 8);
    }
  }

  /** One tensor: its element type (F32, I64, ...), shape, and where its bytes begin and end in the file. */
  public record Tensor(String type, List<Long> shape, long begin, long end) {
    /** Type and shape, as in F32 [2, 3]. */
    @Override
    public String toString() {
      return type + " " + shape;
    }
  }

  /** A file that is no safetensors file, or lacks what was asked for; the message says why. */
  public static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }

  private final Path path;
  private final Map<String, Tensor> tensors;
  private final Map<String, String> metadata;

  private Safetensors(Path path, Map<String, Tensor> tensors, Map<String, String> metadata) {
    this.path = path;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.metadata = Collections.unmodifiableMap(metadata);
  }

  public Map<String, Tensor> tensors() {
    return tensors;
  }

  public Map<String, String> metadata() {
    return metadata;
  }

  /** Reads the header of {@code path} and checks that its tensors fill the file without gap or overlap. */
  public static Safetensors open(Path path) throws IOException, Malformed {
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = file.size();
      if (size < 8) {
        throw new Malformed("it has " + size + " bytes, fewer than the length of a header takes");
      }
      long length = read(file, 0, 8).getLong(0);
      if (length < 0 || length > HEADER_LIMIT || length > size - 8) {
        throw new Malformed("its header has a length of " + length + " bytes");
      }
      return parsed(path, read(file, 8, (int) length), 8 + length, size);
    }
  }

  private static ByteBuffer read(FileChannel file, long begin, int count) throws IOException, Malformed {
    ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      if (file.read(bytes, begin + bytes.position()) < 0) {
        throw new Malformed("it ends too early");
      }
    }
    // As the older class: on API 26 a ByteBuffer's rewind has another signature than javac's library says.
    Buffer view = bytes;
    view.rewind();
    return bytes;
  }

  private static Safetensors parsed(Path path, ByteBuffer header, long data, long size) throws Malformed {
    Object content;
    try {
      content = Json.parse(Files.decode(header));
    } catch (Json.Malformed e) {
      throw new Malformed("its header is not JSON (" + e.getMessage() + ")");
    } catch (CharacterCodingException e) {
      throw new Malformed("its header is not UTF-8");
    }
    if (!(content instanceof Map)) {
      throw new Malformed("its header is not an object");
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = Collections.emptyMap();
    for (Map.Entry<?, ?> entry : ((Map<?, ?>) content).entrySet()) {
      if (entry.getKey().equals(METADATA)) {
        metadata = texts(entry.getValue());
      } else {
        tensors.put((String) entry.getKey(), tensor((String) entry.getKey(), entry.getValue(), data));
      }
    }
    checkContiguous(tensors, data, size);
    return new Safetensors(path, tensors, metadata);
  }

  private static Map<String, String> texts(Object content) throws Malformed {
    if (!(content instanceof Map)) {
      throw new Malformed("its metadata is not an object");
    }
    Map<String, String> texts = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : ((Map<?, ?>) content).entrySet()) {
      if (!(entry.getValue() instanceof String)) {
        throw new Malformed("its metadata holds something else than texts");
      }
      texts.put((String) entry.getKey(), (String) entry.getValue());
    }
    return texts;
  }

  private static Tensor tensor(String name, Object content, long data) throws Malformed {
    Map<?, ?> members = content instanceof Map ? (Map<?, ?>) content : Collections.emptyMap();
    List<Long> shape = counts(members.get("shape"));
    List<Long> offsets = counts(members.get("data_offsets"));
    Object type = members.get("dtype");
    if (!(type instanceof String) || !BYTES.containsKey(type) || shape == null || offsets == null
        || offsets.size() != 2 || members.size() != 3) {
      throw new Malformed("its header does not say what " + name + " is");
    }
    long bytes = BYTES.get(type);
    try {
      for (long dimension : shape) {
        bytes = Math.multiplyExact(bytes, dimension);
      }
    } catch (ArithmeticException e) {
      throw new Malformed(name + " is larger than any file");
    }
    if (offsets.get(1) - offsets.get(0) != bytes) {
      throw new Malformed(name + " has a shape of " + bytes + " bytes and takes others");
    }
    return new Tensor((String) type, shape, data + offsets.get(0), data + offsets.get(1));
  }

  private static List<Long> counts(Object content) {
    if (!(content instanceof List)) {
      return null;
    }
    List<Long> counts = new ArrayList<>();
    for (Object item : (List<?>) content) {
      if (!(item instanceof Long) || (Long) item < 0 || (Long) item > Long.MAX_VALUE / 4) {
        return null;
      }
      counts.add((Long) item);
    }
    return Collections.unmodifiableList(counts);
  }

  private static void checkContiguous(Map<String, Tensor> tensors, long data, long size) throws Malformed {
    List<Tensor> inOrder = new ArrayList<>(tensors.values());
    inOrder.sort(Comparator.comparingLong(Tensor::begin).thenComparingLong(Tensor::end));
    long at = data;
    for (Tensor tensor : inOrder) {
      if (tensor.begin() != at) {
        throw new Malformed("its tensors leave a gap or overlap");
      }
      at = tensor.end();
    }
    if (at != size) {
      throw new Malformed("it has " + size + " bytes, and its tensors end at " + at);
    }
  }

  private ByteBuffer bytes(String name, String... types) throws IOException, Malformed {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new Malformed("it has no tensor " + name);
    }
    if (!java.util.Arrays.asList(types).contains(tensor.type())) {
      throw new Malformed(name + " is " + tensor + ", not " + String.join(" or ", types));
    }
    long count = tensor.end() - tensor.begin();
    if (count > Files.MEMORY_LIMIT) {
      throw new Malformed(name + " has more than " + Files.grouped(Files.MEMORY_LIMIT) + " bytes");
    }
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
      return read(file, tensor.begin(), (int) count);
    }
  }

  /** The elements of a tensor of type F32, row by row; throws Malformed if there is none of that name and type. */
  public float[] floats(String name) throws IOException, Malformed {
    ByteBuffer bytes = bytes(name, "F32");
    float[] values = new float[bytes.remaining() / 4];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  /** The elements of a tensor of type I64 or U64 (as the same bits), row by row; throws as {@link #floats} does. */
  public long[] longs(String name) throws IOException, Malformed {
    ByteBuffer bytes = bytes(name, "I64", "U64");
    long[] values = new long[bytes.remaining() / 8];
    bytes.asLongBuffer().get(values);
    return values;
  }
}
