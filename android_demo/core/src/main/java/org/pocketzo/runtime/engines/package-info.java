/** Stock inference engines under one interface, {@link org.pocketzo.runtime.Engine}; nothing else knows of any. */
package org.pocketzo.runtime.engines;
