/** Runs from beginning to end: data and task in, steps, evaluations, and a folder of files that can be audited. */
package org.pocketzo.runtime.run;
