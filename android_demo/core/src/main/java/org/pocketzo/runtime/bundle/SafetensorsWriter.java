package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;

/** Writes tensors of 32-bit floats, byte for byte as the {@code safetensors} library does. */
public final class SafetensorsWriter {
  private static final int CHUNK = 1 << 14;

  private final SortedMap<String, float[]> tensors = new TreeMap<>();
  private final Map<String, int[]> shapes = new LinkedHashMap<>();
  private final Map<String, Object> metadata = new LinkedHashMap<>();

  /** Adds a tensor; {@code values} are row by row. */
  public SafetensorsWriter tensor(String name, float[] values, int... shape) {
    tensors.put(name, values);
    shapes.put(name, shape);
    return this;
  }

  /** Adds an entry of the file's metadata. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /** Writes the file, atomically; throws DiskFull or BadInput as {@link Files#writeAtomically} does. */
  public void write(Path path) throws BadInput {
    Files.writeAtomically(path, this::writeTo);
  }

  private void writeTo(OutputStream out) throws IOException {
    byte[] text = Json.write(header()).getBytes(StandardCharsets.UTF_8);
    byte[] header = Arrays.copyOf(text, (text.length + 7) / 8 * 8);
    Arrays.fill(header, text.length, header.length, (byte) ' ');
    out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
    out.write(header);
    for (float[] values : tensors.values()) {
      write(out, values);
    }
  }

  private Map<String, Object> header() {
    Map<String, Object> header = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      header.put("__metadata__", metadata);
    }
    long offset = 0;
    for (Map.Entry<String, float[]> entry : tensors.entrySet()) {
      long end = offset + 4L * entry.getValue().length;
      Map<String, Object> tensor = new LinkedHashMap<>();
      tensor.put("dtype", "F32");
      tensor.put("shape", Arrays.asList(boxed(shapes.get(entry.getKey()))));
      tensor.put("data_offsets", Arrays.asList(offset, end));
      header.put(entry.getKey(), tensor);
      offset = end;
    }
    return header;
  }

  private static Object[] boxed(int[] shape) {
    Object[] boxed = new Object[shape.length];
    for (int i = 0; i < shape.length; i++) {
      boxed[i] = (long) shape[i];
    }
    return boxed;
  }

  private static void write(OutputStream out, float[] values) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(4 * CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < values.length; from += CHUNK) {
      int count = Math.min(CHUNK, values.length - from);
      bytes.asFloatBuffer().put(values, from, count);
      out.write(bytes.array(), 0, 4 * count);
    }
  }
}
