/** The loop, and what it is made of: batches, directions, steps, and what is tuned. Any package may import it. */
package org.pocketzo.runtime;
