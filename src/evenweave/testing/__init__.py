"""For tests of flows, services and adapters: contract suites of the ports, and a clock that jumps."""
