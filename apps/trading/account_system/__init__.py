"""The wire to an external account system: who may trade, and how much. Services talk through it."""
