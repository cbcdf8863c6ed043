"""Brokers: adapters of the port `evenweave.ports.broker`."""
