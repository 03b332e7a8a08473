/** What the screens talk to. */
package org.pocketzo.app.session;
