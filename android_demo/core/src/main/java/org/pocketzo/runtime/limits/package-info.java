/** What a run may need and what there is: memory, storage, and perturbations that an engine can tell apart. */
package org.pocketzo.runtime.limits;
