package org.pocketzo.runtime.tasks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.json.Json;

/** The tables of tasks and engines are those of Python, in its order. */
class TasksTest {
  @Test
  void kindsAndTheirKeysAreThoseOfPython() throws Exception {
    Map<?, ?> theirs = (Map<?, ?>) Json.read(Fixtures.path("expected/kinds.json"), "table");
    assertEquals(theirs, Tasks.keys());
    assertEquals(new ArrayList<>(theirs.keySet()), Tasks.KINDS);
  }

  @Test
  void enginesAreSomeOfPythons() throws Exception {
    List<?> theirs = Fixtures.table("engines");
    assertTrue(theirs.containsAll(Engines.NAMES), theirs.toString());
    assertEquals(theirs.get(0), Engines.DEFAULT);
  }
}
