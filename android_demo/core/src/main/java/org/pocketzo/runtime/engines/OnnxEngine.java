package org.pocketzo.runtime.engines;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import ai.onnxruntime.ValueInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Examples;
import org.pocketzo.runtime.Forward;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.OnnxReferences;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.NotEnoughSpace;
import org.pocketzo.runtime.errors.OldEngine;
import org.pocketzo.runtime.errors.PocketzoException;

/**
 * The step graph on ONNX Runtime, as it comes from a package repository: one inference session on the CPU; the weights
 * stay in the bundle's external data file, mapped.
 */
public final class OnnxEngine implements Engine {
  public static final String NAME = OnnxReferences.ENGINE;

  private static final Set<String> OUTPUTS =
      java.util.Collections.unmodifiableSet(new LinkedHashSet<>(Arrays.asList("nll", "hidden")));

  private final Path graphFile;
  private final int vocabulary;
  private final OrtEnvironment environment;
  private final OrtSession.SessionOptions options;
  private final OrtSession session;
  private final Buffers buffers = new Buffers();

  /**
   * Opens the bundle's graph. Threads that spin for work answer sooner and disturb whatever else runs in the process;
   * {@code threads} 0 leaves their number to the engine.
   *
   * @throws BadInput if ONNX Runtime is older than the graph needs, cannot be loaded here, or refuses the graph
   * @throws NotEnoughSpace if memory does not suffice for the weights
   */
  public OnnxEngine(Bundle bundle, int threads, boolean spinning) throws PocketzoException {
    Manifest.Graph graph = bundle.graph(NAME);
    vocabulary = (int) bundle.manifest().model().vocabulary();
    graphFile = bundle.directory().resolve(graph.file());
    environment = environment();
    checkVersion(bundle.directory(), environment.getVersion(), graph.minimumEngineVersion());
    options = new OrtSession.SessionOptions();
    boolean opened = false;
    try {
      options.setIntraOpNumThreads(threads);
      options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
      // It plans memory for each shape once more, and batches differ in length.
      options.setMemoryPatternOptimization(false);
      options.addConfigEntry("session.intra_op.allow_spinning", spinning ? "1" : "0");
      session = environment.createSession(graphFile.toString(), options);
      opened = true;
    } catch (OrtException e) {
      throw refused(e);
    } finally {
      if (!opened) {
        options.close();
      }
    }
    checkTensors(graph);
  }

  private static OrtEnvironment environment() throws BadInput {
    try {
      return OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
    } catch (LinkageError e) {
      throw new BadInput(
          "ONNX Runtime: its native library cannot be loaded here (" + root(e).getMessage() + "). Use a system that the"
              + " package has one for, and leave room in the folder for temporary files.", e);
    }
  }

  private static Throwable root(Throwable e) {
    return e.getCause() == null ? e : root(e.getCause());
  }

  /**
   * Refuses an engine that is too old for a graph.
   *
   * @throws OldEngine if {@code version} is older than {@code least}
   */
  static void checkVersion(Path bundle, String version, String least) throws OldEngine {
    int[] there = numbers(version);
    int[] needed = numbers(least);
    for (int i = 0; i < Math.max(there.length, needed.length); i++) {
      int x = i < there.length ? there[i] : 0;
      int y = i < needed.length ? needed[i] : 0;
      if (x > y) {
        return;
      }
      if (x < y) {
        throw new OldEngine(
            bundle + ": needs onnxruntime " + least + ", here is " + version + ". Use a pocketzo with onnxruntime "
                + least + " or later, or export the bundle for an older one");
      }
    }
  }

  private static int[] numbers(String version) {
    List<Integer> numbers = new ArrayList<>();
    for (String part : version.split("[+-]")[0].split("\\.")) {
      if (numbers.size() < 3 && part.matches("[0-9]{1,9}")) {
        numbers.add(Integer.parseInt(part));
      }
    }
    int[] array = new int[numbers.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = numbers.get(i);
    }
    return array;
  }

  private PocketzoException refused(OrtException e) {
    if (isOutOfMemory(e)) {
      return new NotEnoughSpace(
          graphFile + ": ONNX Runtime could not allocate the memory for the weights. Close other apps or use a smaller"
              + " model.");
    }
    return new BadInput(graphFile + ": ONNX Runtime refuses the graph (" + e.getMessage() + "). Export it again", e);
  }

  private static boolean isOutOfMemory(OrtException e) {
    return String.valueOf(e.getMessage()).contains("allocate");
  }

  private void checkTensors(Manifest.Graph graph) throws BadInput {
    boolean good = false;
    try {
      checkEqual("inputs", shapes(session.getInputInfo()), listed(graph.inputs()));
      checkEqual("outputs", shapes(session.getOutputInfo()), listed(graph.outputs()));
      for (String name : OUTPUTS) {
        if (!session.getOutputNames().contains(name)) {
          throw BadInput.of(graphFile, "has no output " + name, "Export it again");
        }
      }
      good = true;
    } catch (OrtException e) {
      throw new BadInput(graphFile + ": ONNX Runtime refuses the graph (" + e.getMessage() + "). Export it again", e);
    } finally {
      if (!good) {
        close();
      }
    }
  }

  private void checkEqual(String kind, Map<String, ?> held, Map<String, ?> listed) throws BadInput {
    if (!held.equals(listed)) {
      throw BadInput.of(graphFile, "its " + kind + " are " + held + ", the manifest says " + listed, "Export it again");
    }
  }

  private static Map<String, List<Object>> listed(List<Manifest.Tensor> tensors) {
    Map<String, List<Object>> listed = new TreeMap<>();
    for (Manifest.Tensor tensor : tensors) {
      listed.put(tensor.name(), tensor.shape());
    }
    return listed;
  }

  private static Map<String, List<Object>> shapes(Map<String, NodeInfo> nodes) {
    Map<String, List<Object>> shapes = new TreeMap<>();
    for (Map.Entry<String, NodeInfo> node : nodes.entrySet()) {
      List<Object> shape = new ArrayList<>();
      ValueInfo info = node.getValue().getInfo();
      if (info instanceof TensorInfo) {
        TensorInfo tensor = (TensorInfo) info;
        for (int i = 0; i < tensor.getShape().length; i++) {
          long size = tensor.getShape()[i];
          shape.add(size < 0 ? (Object) tensor.getDimensionNames()[i] : (Object) size);
        }
      }
      shapes.put(node.getKey(), shape);
    }
    return shapes;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String version() {
    return environment.getVersion();
  }

  @Override
  public Forward forward(Batch batch, float[][] values) throws PocketzoException {
    Examples.checkRange(batch, vocabulary);
    Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
    try {
      feeds.put("input_ids", buffers.longs(environment, "input_ids", batch.inputIds(), 3));
      feeds.put("label_positions", buffers.longs(environment, "label_positions", batch.labelPositions(), 3));
      feeds.put("label_ids", buffers.longs(environment, "label_ids", batch.labelIds(), 3));
      feeds.put("words", buffers.longs(environment, "words", new long[][] {batch.words()}, 1));
      feeds.put("values", buffers.floats(environment, "values", values));
      try (OrtSession.Result result = session.run(feeds, OUTPUTS)) {
        return new Forward(
            (float[][][]) result.get("nll").get().getValue(), (float[][][][]) result.get("hidden").get().getValue());
      }
    } catch (OrtException e) {
      if (isOutOfMemory(e)) {
        throw tooLarge(batch);
      }
      throw new BadInput(graphFile + ": ONNX Runtime stopped (" + e.getMessage() + "). Run the bundle's self-test", e);
    } catch (OutOfMemoryError e) {
      throw tooLarge(batch);
    } finally {
      for (OnnxTensor tensor : feeds.values()) {
        tensor.close();
      }
    }
  }

  private static NotEnoughSpace tooLarge(Batch batch) {
    return new NotEnoughSpace(
        "ONNX Runtime could not allocate the memory for " + batch.inputIds().length + " examples of "
            + batch.inputIds()[0].length + " tokens. Use a smaller --batch or shorter examples.");
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      // Nothing is left to lose.
    }
    options.close();
  }
}
