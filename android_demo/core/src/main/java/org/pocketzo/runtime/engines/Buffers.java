package org.pocketzo.runtime.engines;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** The memory of the inputs, outside of the Java heap so that the engine reads it in place; used again each pass. */
final class Buffers {
  private final Map<String, ByteBuffer> held = new HashMap<>();

  /** {@code rows} [B][N] as int64, of shape [1,B,N] in 3 dimensions, or the one row as [N] in one. */
  OnnxTensor longs(OrtEnvironment environment, String name, long[][] rows, int dimensions) throws OrtException {
    LongBuffer longs = bytes(name, (long) Long.BYTES * rows.length * rows[0].length).asLongBuffer();
    for (long[] row : rows) {
      longs.put(row);
    }
    flip(longs);
    long[] shape = {1, rows.length, rows[0].length};
    return OnnxTensor.createTensor(environment, longs, Arrays.copyOfRange(shape, 3 - dimensions, 3));
  }

  /** {@code rows} [P][K] as float32. */
  OnnxTensor floats(OrtEnvironment environment, String name, float[][] rows) throws OrtException {
    FloatBuffer floats = bytes(name, (long) Float.BYTES * rows.length * rows[0].length).asFloatBuffer();
    for (float[] row : rows) {
      floats.put(row);
    }
    flip(floats);
    return OnnxTensor.createTensor(environment, floats, new long[] {rows.length, rows[0].length});
  }

  // Through the older class: on API 26 a buffer of numbers has no flip of its own.
  private static void flip(Buffer buffer) {
    buffer.flip();
  }

  private ByteBuffer bytes(String name, long size) {
    if (size > Integer.MAX_VALUE) {
      throw new OutOfMemoryError("a buffer of " + size + " bytes");
    }
    ByteBuffer buffer = held.get(name);
    if (buffer == null || buffer.capacity() < size) {
      buffer = ByteBuffer.allocateDirect((int) size).order(ByteOrder.nativeOrder());
      held.put(name, buffer);
    }
    return buffer;
  }
}
