package org.pocketzo.runtime.bundle;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;

/** The tuned entries of values.safetensors, against the layout that the manifest gives. */
final class Entries {
  private Entries() {}

  /** Throws BadInput unless entries and sensitivities have the shapes, order and range that the layout says. */
  static void check(Path path, Manifest.Values values) throws BadInput {
    long[] entries;
    try {
      Safetensors file = Safetensors.open(path);
      long wanted = 0;
      for (Manifest.Block block : values.blocks()) {
        wanted += block.entries();
      }
      for (String name : new String[] {"values", "entries", "sensitivity"}) {
        if (!file.tensors().containsKey(name)) {
          throw new Safetensors.Malformed("it has no tensor " + name);
        }
      }
      checkShape(path, file, "entries", "I64", "int64", wanted);
      checkShape(path, file, "values", "F32", "float32", values.count());
      checkShape(path, file, "sensitivity", "F32", "float32", values.count());
      entries = file.longs("entries");
    } catch (IOException | Safetensors.Malformed e) {
      throw new BadInput(
          path + ": is not a safetensors file with values, entries, sensitivity (" + e.getMessage() + "). "
              + Bundle.FIX, e);
    }
    for (Manifest.Block block : values.blocks()) {
      checkOrder(path, entries, block, values.ofChannels());
    }
  }

  private static void checkShape(Path path, Safetensors file, String name, String type, String shown, long count)
      throws BadInput {
    List<Long> shape = Collections.singletonList(count);
    Safetensors.Tensor tensor = file.tensors().get(name);
    if (!tensor.type().equals(type) || !tensor.shape().equals(shape)) {
      throw BadInput.of(path, "expected `" + name + "` as " + shown + " " + shape + ", found " + tensor, Bundle.FIX);
    }
  }

  private static void checkOrder(Path path, long[] entries, Manifest.Block block, boolean ofChannels)
      throws BadInput {
    int begin = (int) block.entriesOffset();
    int end = (int) (block.entriesOffset() + block.entries());
    // Only a last entry below this is in range; rows x columns may be more than 64 bits hold.
    boolean inRange =
        ofChannels ? entries[end - 1] < block.columns() : entries[end - 1] / block.columns() < block.rows();
    boolean ascends = entries[begin] >= 0;
    for (int i = begin + 1; i < end; i++) {
      ascends &= entries[i] > entries[i - 1];
    }
    if (!inRange || !ascends) {
      String last = ofChannels ? block.columns() + " - 1" : block.rows() + " x " + block.columns() + " - 1";
      throw BadInput.of(path, "the entries of " + block.layer() + " do not ascend from 0 to " + last, Bundle.FIX);
    }
  }
}
