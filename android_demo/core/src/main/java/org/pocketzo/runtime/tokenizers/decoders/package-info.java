/** Tokens to text. */
package org.pocketzo.runtime.tokenizers.decoders;
