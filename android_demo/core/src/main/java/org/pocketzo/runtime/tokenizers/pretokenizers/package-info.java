/** What cuts a text into pieces. */
package org.pocketzo.runtime.tokenizers.pretokenizers;
