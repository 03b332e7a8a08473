/** Tasks, a file a kind, and the data that they read. */
package org.pocketzo.runtime.tasks;
