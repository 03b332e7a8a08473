/** The run that the person ordered, and how it stands. */
package org.pocketzo.app.tuning;
