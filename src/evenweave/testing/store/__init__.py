"""The contract suite of the store's port: what every store must do (`evenweave.ports.store`, PROTOCOL section 2).

A store's tests derive a class from `StoreContract` and give it a fixture `bench`:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def bench(self): ...
"""

from evenweave.testing.store.calls import CallContract
from evenweave.testing.store.definitions import DefinitionContract
from evenweave.testing.store.events import EventContract
from evenweave.testing.store.instances import InstanceContract
from evenweave.testing.store.rows import Bench
from evenweave.testing.store.transactions import TransactionContract


class StoreContract(TransactionContract, InstanceContract, EventContract, CallContract, DefinitionContract):
    """What every store must do."""


__all__ = ["Bench", "StoreContract"]
