"""Functions that are called over gRPC; the extra ``evenweave[grpc]``."""

from evenweave.adapters.functions.grpc.functions import GrpcFunctions

__all__ = ["GrpcFunctions"]
