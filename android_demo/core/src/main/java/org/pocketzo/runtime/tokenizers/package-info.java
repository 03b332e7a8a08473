/** Texts to tokens and back, as the bundle's tokenizer.json says, with a package for each kind of part. */
package org.pocketzo.runtime.tokenizers;
