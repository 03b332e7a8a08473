/** The person's examples: kept, read and written, held back, and put as a task. */
package org.pocketzo.app.examples;
