/** The command line, a file a command, and nothing else that needs picocli. */
package org.pocketzo.runtime.cli;
