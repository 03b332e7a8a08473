/** What a tokenizer.json says, each member taken with its type. */
package org.pocketzo.runtime.tokenizers.description;
