/** What an exported model is, opened and checked: its manifest, values and graphs, and files of tuned values. */
package org.pocketzo.runtime.bundle;
