/** What changes a text before it is cut. */
package org.pocketzo.runtime.tokenizers.normalizers;
