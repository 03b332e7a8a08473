/** The model that came with the app, its engine and its place in private storage. */
package org.pocketzo.app.model;
