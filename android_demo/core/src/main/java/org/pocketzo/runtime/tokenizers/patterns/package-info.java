/** The part of regular expressions that tokenizers use, meaning the same on every version of Android. */
package org.pocketzo.runtime.tokenizers.patterns;
