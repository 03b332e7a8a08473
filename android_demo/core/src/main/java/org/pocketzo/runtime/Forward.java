package org.pocketzo.runtime;

/** What the step graph gives: nll in nats [P][B][L], final hidden states at the label positions [P][B][S][H]. */
public record Forward(float[][][] nll, float[][][][] hidden) {}
