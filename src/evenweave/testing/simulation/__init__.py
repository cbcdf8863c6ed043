"""A seeded simulation of workers on one database: docs/design/proof.md.

Time, the database's server and the network are in memory; what runs on them are the workers, the PostgreSQL store and
the broker as they are. `run(seed)` plays one history, and tells what is wrong with it.
"""

from evenweave.testing.simulation.chance import Chance
from evenweave.testing.simulation.network import UnreliableBroker
from evenweave.testing.simulation.server import SimulatedServer
from evenweave.testing.simulation.time import SimulatedClock, Stalled, VirtualLoop
from evenweave.testing.simulation.world import Outcome, run

__all__ = [
    "Chance",
    "Outcome",
    "SimulatedClock",
    "SimulatedServer",
    "Stalled",
    "UnreliableBroker",
    "VirtualLoop",
    "run",
]
