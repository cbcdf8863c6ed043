"""Stores of the Workflow Engine."""
