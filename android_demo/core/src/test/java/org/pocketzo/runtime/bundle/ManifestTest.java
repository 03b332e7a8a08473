package org.pocketzo.runtime.bundle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.Fixtures;

/** What a manifest says of each engine. */
class ManifestTest {
  @Test
  void anEngineHasBoundsAndAnEpsOfItsOwn() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("manifests/engines"));
    Manifest.Graph other = manifest.graphs().get(1);
    assertEquals("executorch", other.engine());
    assertNull(other.opset());
    assertEquals(Long.valueOf(128), other.bounds().get("B"));
    assertEquals(Long.valueOf(8192), other.bounds().get("tokens"));
    assertEquals(1e-2, manifest.estimatorOf("executorch").eps());
    assertEquals(1, manifest.estimatorOf("executorch").epsCurve().size());
    assertEquals(2e-3, manifest.estimatorOf("onnx").eps());
    assertEquals("philox4x64-10", manifest.estimatorOf("onnx").rng());
    assertNotEquals(2e-3, manifest.estimator().eps());
    assertSame(manifest.estimator(), manifest.estimatorOf("another"));
  }

  @Test
  void aManifestOfOneEngineHasTheEstimatorsEps() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("manifests/before"));
    Manifest.Graph graph = manifest.graphs().get(0);
    assertTrue(graph.opset() > 0);
    assertEquals(Collections.emptyMap(), graph.bounds());
    assertNull(graph.eps());
    assertTrue(graph.epsCurve().isEmpty());
    assertSame(manifest.estimator(), manifest.estimatorOf("onnx"));
    assertNull(manifest.reading());
    assertNull(manifest.heldOut());
  }

  @Test
  void itSaysWhoElseReadTheCheckpointAndWhatFourBitsCost() throws Exception {
    Manifest manifest = ManifestReader.read(Fixtures.path("manifests/engines"));
    assertTrue(manifest.reading().by().startsWith("transformers "), manifest.reading().by());
    assertTrue(manifest.reading().difference() <= 1e-3);
    assertTrue(manifest.heldOut().tokens() > 0);
    assertTrue(manifest.heldOut().checkpoint() > 0);
    assertTrue(manifest.heldOut().engines().get("onnx") > 0);
  }
}
