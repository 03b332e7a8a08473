/** Characters, their properties and encodings, by tables measured on the library, and lists without boxes. */
package org.pocketzo.runtime.tokenizers.text;
