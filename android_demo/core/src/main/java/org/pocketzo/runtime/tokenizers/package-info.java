/** Texts to tokens and back, as the bundle's tokenizer.json says, each part in a room of its own. */
package org.pocketzo.runtime.tokenizers;
