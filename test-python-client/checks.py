"""Counts what held and what did not."""

SHOWN_FAILURES = 20


class Checks:
    """The checks of one run."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def expect(self, held: bool, otherwise: str) -> None:
        """Counts one check; prints `otherwise` if it did not hold."""
        if held:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= SHOWN_FAILURES:
            print(f"failed: {otherwise}")

    def close(self) -> int:
        """Prints the closing line. The exit code is 0 only if something was checked and nothing failed."""
        if self.failed > SHOWN_FAILURES:
            print(f"… and {self.failed - SHOWN_FAILURES} more failures")
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.passed and not self.failed else 1
