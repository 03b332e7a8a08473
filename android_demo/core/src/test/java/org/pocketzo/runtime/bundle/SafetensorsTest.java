package org.pocketzo.runtime.bundle;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {
  @TempDir Path scratch;

  /** A file with this header, in which # is a quotation mark, and 16 bytes of data. */
  private Path file(String header) throws Exception {
    byte[] text = header.replace('#', '"').getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).array());
    file.write(text);
    file.write(new byte[16]);
    return Files.write(scratch.resolve("file"), file.toByteArray());
  }

  @Test
  void theGoodOneIsRead() throws Exception {
    Safetensors file = Safetensors.open(file(
        "{#b#:{#dtype#:#F32#,#shape#:[2],#data_offsets#:[8,16]},#a#:{#dtype#:#I64#,#shape#:[],#data_offsets#:[0,8]}}"));
    assertArrayEquals(new float[2], file.floats("b"));
    assertArrayEquals(new long[1], file.longs("a"));
    assertThrows(Safetensors.Malformed.class, () -> file.floats("a"));
    assertThrows(Safetensors.Malformed.class, () -> file.floats("c"));
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "{#b#:{#dtype#:#F32#,#shape#:[2],#data_offsets#:[8,16]}}",
    "{#b#:{#dtype#:#F32#,#shape#:[2],#data_offsets#:[0,8]}}",
    "{#b#:{#dtype#:#F32#,#shape#:[3],#data_offsets#:[0,12]},#a#:{#dtype#:#F32#,#shape#:[2],#data_offsets#:[8,16]}}",
    "{#b#:{#dtype#:#F32#,#shape#:[8],#data_offsets#:[0,32]}}",
    "{#b#:{#dtype#:#F32#,#shape#:[3],#data_offsets#:[0,16]}}",
    "{#b#:{#dtype#:#F32#,#shape#:[-4],#data_offsets#:[0,16]}}",
    "{#b#:{#dtype#:#F32#,#shape#:[4294967296,4294967296],#data_offsets#:[0,0]}}",
    "{#b#:{#dtype#:#F33#,#shape#:[4],#data_offsets#:[0,16]}}",
    "{#b#:[]}", "[]", "{", "{#__metadata__#:{#a#:1}}"
  })
  void filesThatContradictThemselvesAreRefused(String header) throws Exception {
    Path path = file(header);
    assertThrows(Safetensors.Malformed.class, () -> Safetensors.open(path));
  }

  @Test
  void headersLongerThanTheFile() throws Exception {
    for (long length : new long[] {17, -1, Long.MAX_VALUE, 1 << 30}) {
      byte[] content = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
      Path path = Files.write(scratch.resolve("file"), content);
      String said = assertThrows(Safetensors.Malformed.class, () -> Safetensors.open(path)).getMessage();
      assertTrue(said.contains("header has a length of"), said);
    }
  }
}
