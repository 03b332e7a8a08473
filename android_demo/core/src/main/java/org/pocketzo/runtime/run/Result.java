package org.pocketzo.runtime.run;

import java.nio.file.Path;
import org.pocketzo.runtime.trajectory.Evaluation;

/**
 * What a run gained on the validation file, and where its best values are; {@code padding} is the share of padding
 * among the tokens of training batches, {@code repeated} counts the validation records that are in the training file
 * too.
 */
public record Result(
    Evaluation before, Evaluation best, int bestStep, int steps, Path bestValues, double padding, int repeated) {}
