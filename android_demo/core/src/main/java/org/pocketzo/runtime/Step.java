package org.pocketzo.runtime;

/**
 * What one step measured: its number (from 1), projected gradients [Q], the mean loss (nats), tokens computed, the
 * label bias after it ([W], none without labels).
 */
public record Step(int step, double[] projectedGradients, double loss, long tokens, double[] labelBias) {}
