/** Files, locks, requests to stop, and the version: what lies between the program and the machine. */
package org.pocketzo.runtime.system;
