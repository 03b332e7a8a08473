/** Strict JSON, read and written as Python does it, to the byte. */
package org.pocketzo.runtime.json;
