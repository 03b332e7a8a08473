/** What goes wrong and a person can mend, each with a complete message and an exit code. */
package org.pocketzo.runtime.errors;
