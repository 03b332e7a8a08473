/** Pieces of text to tokens. */
package org.pocketzo.runtime.tokenizers.models;
