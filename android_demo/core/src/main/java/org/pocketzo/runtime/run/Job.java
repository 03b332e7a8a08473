package org.pocketzo.runtime.run;

import java.nio.file.Path;
import java.util.Map;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.tasks.DataSet;
import org.pocketzo.runtime.tasks.Task;

/**
 * What a run needs beside its settings: {@code definition} is the task as its file writes it, {@code path} the folder
 * that the run is written to.
 */
public record Job(
    Bundle bundle,
    Engine engine,
    Task task,
    Map<String, Object> definition,
    DataSet train,
    DataSet validation,
    Path path) {}
