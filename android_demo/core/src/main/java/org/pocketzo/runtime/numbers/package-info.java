/** What numpy gives Python: random words, sorting, rounding, text of numbers. */
package org.pocketzo.runtime.numbers;
