/** The log of a run, as a chain of lines, from which the values can be computed again without the model. */
package org.pocketzo.runtime.trajectory;
