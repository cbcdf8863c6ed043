"""`evenweave demo`: the online store on this machine, in three processes and four services."""
