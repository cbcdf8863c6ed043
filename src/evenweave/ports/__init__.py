"""Ports: what the rooms above ask of stores, brokers, catalogs and clocks. Protocols that say *must* and *should*."""
