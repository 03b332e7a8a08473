/** The loop, and what it is made of: batches, directions, steps and what is tuned; every other room stands on it. */
package org.pocketzo.runtime;
