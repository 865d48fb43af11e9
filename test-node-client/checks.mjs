// Counts what held and what did not.

import { isDeepStrictEqual } from 'node:util';

export class Checks {
  passed = 0;
  failed = 0;

  /** Counts one check; prints `what` and both values if they differ. */
  equal(what, got, wanted) {
    if (isDeepStrictEqual(got, wanted)) {
      this.passed += 1;
      return;
    }
    this.failed += 1;
    console.log(`failed: ${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
  }

  /** Prints the closing line. The exit code is 0 only if something was checked and nothing failed. */
  close() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exitCode = this.passed > 0 && this.failed === 0 ? 0 : 1;
  }
}
