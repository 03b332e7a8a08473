package org.pocketzo.runtime.tasks;

import java.nio.file.Path;
import java.util.List;

/** The records of one file and the SHA-256 of its bytes as they lie there, compressed or not. */
public record DataSet(Path path, List<DataRecord> records, String hash) {}
