package org.pocketzo.runtime.engines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Examples;
import org.pocketzo.runtime.Jobs;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.Verify;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.NotEnoughSpace;
import org.pocketzo.runtime.errors.UsageError;
import org.pocketzo.runtime.run.FedEngine;

/** The engine computes what torch computed, and refuses what does not fit. */
class EngineTest {
  private static Bundle with(Bundle bundle, String version, List<Manifest.Tensor> inputs) {
    Manifest there = bundle.manifest();
    Manifest.Graph graph = there.graphs().get(0);
    Manifest.Graph changed =
        new Manifest.Graph(
            graph.engine(), graph.file(), version, graph.opset(), graph.domains(), inputs, graph.outputs(),
            graph.bounds(), graph.eps(), graph.epsCurve());
    Manifest manifest =
        new Manifest(
            there.pocketzoVersion(), there.model(), there.quantization(), there.values(),
            Collections.singletonList(changed), there.estimator(), there.golden(), there.reading(),
            there.heldOut(), there.task(), there.files());
    return new Bundle(bundle.directory(), manifest, bundle.hash());
  }

  private static String refused(Bundle bundle) {
    return assertThrows(BadInput.class, () -> Engines.open("onnx", bundle, 1)).getMessage();
  }

  @Test
  void goldenVectors() throws Exception {
    Bundle bundle = Jobs.bundle();
    try (Engine engine = Engines.open("onnx", bundle, 1)) {
      Verify.Verdict verdict = Verify.verify(bundle, engine);
      assertTrue(verdict.passed(), verdict.toString());
      assertTrue(verdict.difference() > 0, "torch and the engine never agree to the bit");
      assertEquals(1e-3, verdict.tolerance());
    }
  }

  @Test
  void otherNumbersFail() throws Exception {
    Bundle bundle = Jobs.bundle();
    assertFalse(Verify.verify(bundle, new FedEngine()).passed());
  }

  @ParameterizedTest
  @CsvSource({"99.0.0,true", "1.29.1,true", "1.100.0,true", "1.29.0,false", "1.3.0,false", "0.99,false", "1.29,false"})
  void anOlderEngineThanTheGraphNeedsIsRefused(String least, boolean tooOld) throws Exception {
    Bundle bundle = Jobs.bundle();
    Bundle changed = with(bundle, least, bundle.manifest().graphs().get(0).inputs());
    if (tooOld) {
      String said = refused(changed);
      assertTrue(said.contains("needs onnxruntime " + least + ", here is 1."), said);
    } else {
      Engines.open("onnx", changed, 1).close();
    }
  }

  @Test
  void inputsThatTheManifestDoesNotListAreRefused() throws Exception {
    Bundle bundle = Jobs.bundle();
    List<Manifest.Tensor> inputs = new ArrayList<>(bundle.manifest().graphs().get(0).inputs());
    inputs.set(0, new Manifest.Tensor("input_ids", "int64", Arrays.asList("E", "B", 7L)));
    String said = refused(with(bundle, "1.29.0", inputs));
    assertTrue(said.contains("its inputs are") && said.contains("the manifest says"), said);
  }

  @Test
  void anotherEngineIsNotKnown() {
    String said =
        assertThrows(UsageError.class, () -> Engines.open("tflite", Jobs.bundle(), 0)).getMessage();
    assertEquals("--engine tflite: not known. Use one of: onnx.", said);
  }

  @Test
  void aPassThatNoMemoryHoldsIsNotEnoughSpaceAndTheEngineGoesOn() throws Exception {
    Bundle bundle = Jobs.bundle();
    float[] values = bundle.initialValues();
    try (Engine engine = Engines.open("onnx", bundle, 1)) {
      Example example = new Example(new int[] {1, 2, 3}, new int[] {2}, new int[] {4, 5}, "line 1", 0);
      long[] words = {4, 5};
      // All rows are one array, so that only the engine's copy is too large.
      float[][] many = new float[1 + (int) (Integer.MAX_VALUE / 4L / values.length)][];
      Arrays.fill(many, values);
      Batch batch = Examples.collate(Collections.singletonList(example), words);
      String said = assertThrows(NotEnoughSpace.class, () -> engine.forward(batch, many)).getMessage();
      assertTrue(said.contains("1 examples of 3 tokens") && said.contains("smaller --batch"), said);
      assertEquals(2, engine.forward(batch, new float[][] {values}).nll()[0][0].length);
    }
  }

  @Test
  void whatPointsBeyondATableNeverReachesTheEngine() throws Exception {
    Bundle bundle = Jobs.bundle();
    try (Engine engine = Engines.open("onnx", bundle, 1)) {
      Example example = new Example(new int[] {1, 512, 3}, new int[] {2}, new int[] {4, 5}, "line 1", 0);
      Batch batch = Examples.collate(Collections.singletonList(example), new long[] {4, 5});
      float[][] values = {bundle.initialValues()};
      String said = assertThrows(BadInput.class, () -> engine.forward(batch, values)).getMessage();
      assertEquals("input_ids: 1 to 512, and the limits are 0 and 511.", said);
    }
  }
}
