package org.pocketzo.runtime;

import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;

/** The vectors that Python's tests read too: tests/vectors/randomness.json. */
@SuppressWarnings("unchecked")
final class Vectors {
  private static final Path FILE =
      Paths.get(System.getProperty("basedir", "."), "../../tests/vectors/randomness.json");

  private Vectors() {}

  static Map<String, Object> all() throws BadInput {
    return (Map<String, Object>) Json.read(FILE, "file of vectors");
  }

  static List<Map<String, Object>> cases(String section) throws BadInput {
    return (List<Map<String, Object>>) all().get(section);
  }

  static int whole(Map<String, Object> of, String name) {
    return ((Long) of.get(name)).intValue();
  }

  /** 32-bit floats, little-endian, in hexadecimal. */
  static float[] floats(Object hexadecimal) {
    String text = (String) hexadecimal;
    float[] floats = new float[text.length() / 8];
    for (int i = 0; i < floats.length; i++) {
      int bits = (int) Long.parseLong(text.substring(8 * i, 8 * i + 8), 16);
      floats[i] = Float.intBitsToFloat(Integer.reverseBytes(bits));
    }
    return floats;
  }

  static float[][] rows(float[] flat, int count) {
    int width = flat.length / count;
    float[][] rows = new float[count][width];
    for (int i = 0; i < flat.length; i++) {
      rows[i / width][i % width] = flat[i];
    }
    return rows;
  }

  /** A case's {@code nll} in its {@code shape} [P,B,L]. */
  static float[][][] nll(Map<String, Object> of) {
    int[] shape = ints(of.get("shape"));
    float[] flat = floats(of.get("nll"));
    float[][][] nll = new float[shape[0]][shape[1]][shape[2]];
    for (int i = 0; i < flat.length; i++) {
      nll[i / shape[2] / shape[1]][i / shape[2] % shape[1]][i % shape[2]] = flat[i];
    }
    return nll;
  }

  static int[] ints(Object list) {
    return ((List<Long>) list).stream().mapToInt(Long::intValue).toArray();
  }

  static long[][] longs(Object rows) {
    return ((List<List<Long>>) rows).stream()
        .map(row -> row.stream().mapToLong(Long::longValue).toArray())
        .toArray(long[][]::new);
  }

  static double[] doubles(Object list) {
    return ((List<Double>) list).stream().mapToDouble(Double::doubleValue).toArray();
  }
}
